import 'reflect-metadata';
import { webcrypto, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import * as x509 from '@peculiar/x509';
import { createAuthority } from './testing/certificates.ts';
import { readTlsIdentity, workloadOf } from './tls.ts';

const folder = mkdtempSync(join(tmpdir(), 'weft-tls-'));
afterAll(() => rmSync(folder, { recursive: true }));

type Name = ConstructorParameters<typeof x509.SubjectAlternativeNameExtension>[0] extends infer T ? T : never;

/** A certificate with these alternative names, as Node shows them. */
async function namesOf(names: Name): Promise<string | undefined> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=test',
    keys,
    signingAlgorithm: algorithm,
    extensions: [new x509.SubjectAlternativeNameExtension(names)],
  });
  return new X509Certificate(certificate.toString('pem')).subjectAltName;
}

const url = (value: string) => ({ type: 'url' as const, value });
const dns = (value: string) => ({ type: 'dns' as const, value });

test('the workload is the path of the one SPIFFE id in the certificate', async () => {
  const names = await namesOf([url('spiffe://weft.local/catalog'), dns('localhost')]);
  expect(workloadOf(names, 'weft.local')).toBe('catalog');
});

test.each([
  ['no name at all', []],
  ['no URI', [dns('catalog')]],
  ['two URIs', [url('spiffe://weft.local/catalog'), url('spiffe://weft.local/ordering')]],
  ['another trust domain', [url('spiffe://weft.local.evil/catalog')]],
  ['no path', [url('spiffe://weft.local/')]],
  ['a URI inside of a DNS name', [dns('a, URI:spiffe://weft.local/ordering, b')]],
  ['a URI inside of another URI', [url('http://a/, URI:spiffe://weft.local/ordering, b')]],
])('a certificate with %s names no workload', async (_, names) => {
  expect(workloadOf(await namesOf(names), 'weft.local')).toBeUndefined();
});

test('a connection without a certificate names no workload', () => {
  expect(workloadOf(undefined, 'weft.local')).toBeUndefined();
});

test('an identity that nobody would talk to is refused, and the variable at fault is named', async () => {
  const authority = await createAuthority();
  const [catalog, other] = [await authority.issue('catalog'), await authority.issue('other')];
  const ended = await authority.issue('catalog', { validMs: -1_000 });
  const garbage = '-----BEGIN CERTIFICATE-----\nxxx\n-----END CERTIFICATE-----\n';
  const read = (given: Partial<typeof catalog>, trustDomain = 'weft.local', workload = 'catalog') => {
    const { ca, cert, key } = { ...catalog, ...given };
    const [caFile = '', certFile = '', keyFile = ''] = [ca, cert, key].map((content, index) => {
      writeFileSync(join(folder, `${index}`), content);
      return join(folder, `${index}`);
    });
    return () => readTlsIdentity({ caFile, certFile, keyFile }, trustDomain, workload);
  };
  expect(read({})()).toEqual({
    ca: Buffer.from(catalog.ca),
    cert: Buffer.from(catalog.cert),
    key: Buffer.from(catalog.key),
  });
  expect(read({ ca: garbage })).toThrow('TLS_CA_FILE holds no certificate');
  expect(read({ ca: `${catalog.ca}\n${catalog.ca}` })).not.toThrow();
  expect(read({ ca: `${catalog.ca}\n${garbage}` })).toThrow('TLS_CA_FILE holds no certificate');
  expect(read({ ca: `${catalog.ca}${catalog.ca}` })).toThrow('TLS_CA_FILE holds no certificate');
  expect(read({ cert: garbage })).toThrow('TLS_CERT_FILE holds no certificate');
  expect(read({ key: garbage })).toThrow('TLS_KEY_FILE holds no private key');
  expect(read({ key: other.key })).toThrow('TLS_KEY_FILE is not the key of TLS_CERT_FILE');
  expect(read(ended)).toThrow('TLS_CERT_FILE ended on 2');
  expect(read({}, 'other.local')).toThrow('TLS_CERT_FILE names no workload of other.local (TRUST_DOMAIN)');
  expect(read(other)).toThrow('TLS_CERT_FILE is the certificate of other, and this is catalog');
});
