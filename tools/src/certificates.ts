import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Authority, AuthorityOptions } from '@weft/chassis/testing/certificates';
import { writePrivate } from './private-file.ts';
import { workloads } from './workloads.ts';

const hourMs = 3_600_000;
/** Of a workload's certificate. It is renewed at half of it. */
const leafMs = 24 * hourMs;
const authorityMs = 365 * 24 * hourMs;
/** An authority that ends sooner gives way to the next. */
const authorityLeftMs = 30 * 24 * hourMs;
/** Every process has read a changed file after this long: it looks at them each second. */
const settleMs = 30_000;

/** The files of a workload's identity, as TLS_CA_FILE, TLS_CERT_FILE and TLS_KEY_FILE name them. */
export interface IdentityFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface CertificateOptions {
  /** Unix milliseconds, as far as lifetimes are concerned. Default: Date.now. */
  readonly now?: () => number;
  /** How long a changed bundle of authorities is left for everybody to read. Default: 30,000 ms. */
  readonly settleMs?: number;
}

/** Where a workload's identity is. `operator` is the person at the keyboard. */
export function identityFiles(folder: string, name: string): IdentityFiles {
  const file = (suffix: string) => join(folder, 'certs', suffix);
  return { ca: file('ca.pem'), cert: file(`${name}.pem`), key: file(`${name}.key`) };
}

/**
 * Makes a certificate authority and a certificate for each workload and the operator. What exists is kept, but
 * for certificates past half of their 24 hours, or of an authority that no longer issues. Returns the names of
 * those made. To be called again and again: it also takes the next step of a roll-over, when one is due.
 *
 * The authority rolls over 30 days before its end, so that nobody is ever shown what they do not trust: first the
 * next one is trusted beside it (`ca.pem` has both), then it issues, then the one before is dropped.
 */
export async function ensureCertificates(
  folder: string,
  options: CertificateOptions = {},
): Promise<readonly string[]> {
  const { now = Date.now, settleMs: patience = settleMs } = options;
  const file = (name: string) => join(folder, 'certs', name);
  const [ca, caKey, nextCa, nextKey] = [
    file('ca.pem'),
    file('ca.key'),
    file('ca-next.pem'),
    file('ca-next.key'),
  ];
  const names = [...workloads.map(({ name }) => name as string), 'operator'];
  const lasts = (pem: string, forMs: number) =>
    new X509Certificate(pem).validToDate.getTime() > now() + forMs;
  const settled = () => Date.now() - statSync(ca).mtimeMs >= patience;

  const first = issuing(ca, caKey);
  if (first === undefined || !lasts(first, 0)) await newAuthority(ca, caKey, authorityMs);
  else if (existsSync(nextCa) && settled()) {
    writePrivate(caKey, read(nextKey));
    for (const done of [nextCa, nextKey]) rmSync(done);
  } else if (!lasts(first, authorityLeftMs) && !existsSync(nextCa)) {
    await newAuthority(nextCa, nextKey, authorityMs);
    writePrivate(ca, `${first.trim()}\n${read(nextCa)}`);
  }

  const issuer = issuing(ca, caKey);
  if (issuer === undefined) throw new Error(`${caKey} is the key of no certificate in ${ca}`);
  const missing = names.filter((name) => {
    const { cert, key } = identityFiles(folder, name);
    return !isPair(cert, key) || !lasts(read(cert), leafMs / 2) || !issuedBy(read(cert), issuer);
  });
  if (missing.length === 0) {
    // Nobody shows a certificate of the authority before any more.
    if (split(read(ca)).length > 1 && !existsSync(nextCa) && settled()) writePrivate(ca, issuer);
    return [];
  }
  const authority = await authorityOf({ existing: { ca: issuer, key: read(caKey) } });
  for (const name of missing) {
    const files = identityFiles(folder, name);
    const identity = await authority.issue(name, { validMs: leafMs });
    writePrivate(files.key, identity.key);
    writePrivate(files.cert, identity.cert);
  }
  return missing;
}

/** Loaded when there is something to issue: who only looks whether there is takes 20 MB less. */
async function authorityOf(options: AuthorityOptions): Promise<Authority> {
  const { createAuthority } = await import('@weft/chassis/testing/certificates');
  return createAuthority(options);
}

async function newAuthority(caFile: string, keyFile: string, validMs: number): Promise<void> {
  const { ca, key } = await authorityOf({ validMs });
  writePrivate(keyFile, key);
  writePrivate(caFile, ca);
}

/** The authority in the bundle whose key we have. */
function issuing(bundleFile: string, keyFile: string): string | undefined {
  if (!existsSync(bundleFile) || !existsSync(keyFile)) return undefined;
  const key = createPrivateKey(read(keyFile));
  return split(read(bundleFile)).find((pem) => new X509Certificate(pem).checkPrivateKey(key));
}

function split(bundle: string): string[] {
  return bundle.split(/(?<=\n)(?=-----BEGIN)/);
}

/** Two that write at once could leave the key of one and the certificate of the other. */
function isPair(cert: string, key: string): boolean {
  if (!existsSync(cert) || !existsSync(key)) return false;
  return new X509Certificate(read(cert)).checkPrivateKey(createPrivateKey(read(key)));
}

function issuedBy(cert: string, ca: string): boolean {
  return new X509Certificate(cert).verify(new X509Certificate(ca).publicKey);
}

function read(file: string): string {
  return readFileSync(file, 'utf8');
}
