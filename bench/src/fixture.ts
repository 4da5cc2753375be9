import { createSign, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { create, createFileRegistry, fromBinary, setExtension, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { createAuthority } from '@weft/chassis/testing/certificates';

/** What the processes need beside their ports. */
export interface Fixture {
  /** The variables TLS_* of a workload. */
  readonly tls: Readonly<Record<'catalog' | 'edge', Readonly<Record<string, string>>>>;
  /** A contract in which GetProduct wants a signed-in user. */
  readonly userContract: string;
  /** A user's access token, and the JWK Set that verifies it. */
  readonly token: string;
  readonly keys: string;
  remove(): void;
}

export const issuer = 'https://issuer.test';
export const audience = 'bench';

/** Certificates, a contract and a token, in a folder of their own. */
export async function createFixture(): Promise<Fixture> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-bench-'));
  const save = (name: string, content: string | Uint8Array) => {
    const file = join(folder, name);
    writeFileSync(file, content, { mode: 0o600 });
    return file;
  };
  const authority = await createAuthority();
  const tlsOf = async (workload: string) => {
    const { ca, cert, key } = await authority.issue(workload);
    return {
      TLS_CA_FILE: save(`${workload}-ca.pem`, ca),
      TLS_CERT_FILE: save(`${workload}.pem`, cert),
      TLS_KEY_FILE: save(`${workload}.key`, key),
    };
  };
  return {
    tls: { catalog: await tlsOf('catalog'), edge: await tlsOf('edge') },
    userContract: save('user.binpb', userContract()),
    ...signed(),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** GetProduct wants a user, and the upstream, which is catalog, may serve the keys too. */
function userContract(): Uint8Array {
  const set = fromBinary(
    FileDescriptorSetSchema,
    readFileSync(fileURLToPath(import.meta.resolve('@weft/proto/descriptors.binpb'))),
  );
  const registry = createFileRegistry(set);
  const access = registry.getExtension('weft.v1.access');
  const servedBy = registry.getExtension('weft.v1.served_by');
  const services = set.file.flatMap((file) => file.service);
  const methods = services.flatMap((service) => service.method);
  const method = methods.find(({ name }) => name === 'GetProduct')?.options;
  const keys = services.find(({ name }) => name === 'KeyService')?.options;
  if (access?.message === undefined || servedBy === undefined || !method || !keys)
    throw new Error('the contract has no GetProduct, KeyService or weft.v1.access any more');
  setExtension(method, access, create(access.message, { user: true }));
  setExtension(keys, servedBy, 'catalog');
  return toBinary(FileDescriptorSetSchema, set);
}

/** A token as identity issues them (RFC 7519, ES256). */
function signed(): { token: string; keys: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keys = [{ ...publicKey.export({ format: 'jwk' }), kid: 'bench', alg: 'ES256' }];
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + 86_400;
  const claims = { sub: '0190b8a2-7c1e-7f3a-9d52-4be1c0a7d2ff', roles: [], iss: issuer, aud: audience, exp };
  const text = `${part({ alg: 'ES256', kid: 'bench' })}.${part(claims)}`;
  const signature = createSign('sha256').update(text).sign({ key: privateKey, dsaEncoding: 'ieee-p1363' });
  return { token: `${text}.${signature.toString('base64url')}`, keys: JSON.stringify({ keys }) };
}
