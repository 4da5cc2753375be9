import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createAuthority } from '@weft/chassis/testing/certificates';
import { writePrivate } from './private-file.ts';
import { workloads } from './workloads.ts';

const dayMs = 86_400_000;
const renewBeforeMs = 10 * dayMs;

/** The files of a workload's identity, as TLS_CA_FILE, TLS_CERT_FILE and TLS_KEY_FILE name them. */
export interface IdentityFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Where a workload's identity is. `operator` is the person at the keyboard. */
export function identityFiles(folder: string, name: string): IdentityFiles {
  const file = (suffix: string) => join(folder, 'certs', suffix);
  return { ca: file('ca.pem'), cert: file(`${name}.pem`), key: file(`${name}.key`) };
}

/**
 * Makes a certificate authority and a certificate for each workload and the operator. What exists is
 * kept, unless it ends within ten days or another authority issued it. Returns the names of those made.
 */
export async function ensureCertificates(folder: string): Promise<readonly string[]> {
  const ca = join(folder, 'certs', 'ca.pem');
  const caKey = join(folder, 'certs', 'ca.key');
  const usable = lasts(ca, 30 * dayMs) && existsSync(caKey);
  const names = [...workloads.map(({ name }) => name as string), 'operator'];
  const missing = names.filter((name) => {
    const { cert, key } = identityFiles(folder, name);
    return !usable || !existsSync(key) || !lasts(cert, renewBeforeMs) || !issuedBy(cert, ca);
  });
  if (missing.length === 0) return [];
  const existing = usable ? { ca: readFileSync(ca, 'utf8'), key: readFileSync(caKey, 'utf8') } : undefined;
  const authority = await createAuthority(existing === undefined ? {} : { existing });
  if (!usable) {
    writePrivate(caKey, authority.key);
    writePrivate(ca, authority.ca);
  }
  for (const name of missing) {
    const files = identityFiles(folder, name);
    const identity = await authority.issue(name);
    writePrivate(files.key, identity.key);
    writePrivate(files.cert, identity.cert);
  }
  return missing;
}

function lasts(file: string, forMs: number): boolean {
  return existsSync(file) && read(file).validToDate.getTime() > Date.now() + forMs;
}

function issuedBy(file: string, ca: string): boolean {
  return read(file).verify(read(ca).publicKey);
}

function read(file: string): X509Certificate {
  return new X509Certificate(readFileSync(file));
}
