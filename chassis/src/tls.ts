import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** What a workload proves itself with, and whom it trusts: PEM. */
export interface TlsIdentity {
  /** Certificates of the mesh's authorities. */
  readonly ca: Buffer;
  /** The workload's certificate chain, its own first. */
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Where TLS_CA_FILE, TLS_CERT_FILE and TLS_KEY_FILE are. */
export interface TlsFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/**
 * Reads and checks the three files. Throws an Error that begins with the variable at fault: what cannot be
 * read, a key of another certificate, one that has ended, or that names no workload of `trustDomain`, or
 * another one than `workload`. Such a process would run, and nobody could talk to it.
 */
export function readTlsIdentity(files: TlsFiles, trustDomain: string, workload?: string): TlsIdentity {
  const ca = readFileSync(files.caFile);
  const cert = readFileSync(files.certFile);
  const key = readFileSync(files.keyFile);
  // Several, while one authority gives way to another. OpenSSL would take those before a broken one, and no more.
  const authorities = ca.toString('latin1').split(/(?<=\n)(?=-----BEGIN CERTIFICATE-----)/);
  for (const authority of authorities)
    parse('TLS_CA_FILE holds no certificate', () => new X509Certificate(authority));
  const own = parse('TLS_CERT_FILE holds no certificate', () => new X509Certificate(cert));
  const privateKey = parse('TLS_KEY_FILE holds no private key', () => createPrivateKey(key));
  if (!own.checkPrivateKey(privateKey)) throw new Error('TLS_KEY_FILE is not the key of TLS_CERT_FILE');
  if (own.validToDate.getTime() <= Date.now())
    throw new Error(`TLS_CERT_FILE ended on ${own.validToDate.toISOString()}`);
  const found = workloadOf(own.subjectAltName, trustDomain);
  if (found === undefined)
    throw new Error(`TLS_CERT_FILE names no workload of ${trustDomain} (TRUST_DOMAIN)`);
  if (workload !== undefined && found !== workload)
    throw new Error(`TLS_CERT_FILE is the certificate of ${found}, and this is ${workload}`);
  return { ca, cert, key };
}

function parse<T>(fault: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Error(fault, { cause: error });
  }
}

/** The SPIFFE id of a workload. */
export function spiffeId(trustDomain: string, workload: string): string {
  return `spiffe://${trustDomain}/${workload}`;
}

/**
 * The workload in a certificate, from Node's `subjectaltname`. A certificate of the mesh has exactly
 * one URI (X.509-SVID, section 2), in this trust domain and with a path; undefined for any other.
 *
 * Node sets a name in quotes that has a comma in it, and could pass for several: the mesh has none such.
 */
export function workloadOf(subjectAltName: string | undefined, trustDomain: string): string | undefined {
  if (subjectAltName === undefined || subjectAltName.includes('"')) return undefined;
  const uris = subjectAltName.split(', ').filter((name) => name.startsWith('URI:'));
  const prefix = `URI:spiffe://${trustDomain}/`;
  const [uri] = uris;
  if (uri === undefined || uris.length > 1 || !uri.startsWith(prefix)) return undefined;
  const workload = uri.slice(prefix.length);
  return /^[a-zA-Z0-9._/-]+$/.test(workload) ? workload : undefined;
}
