import { readFileSync } from 'node:fs';

/** What a workload proves itself with, and whom it trusts: PEM. */
export interface TlsIdentity {
  /** Certificates of the mesh's authorities. */
  readonly ca: Buffer;
  /** The workload's certificate chain, its own first. */
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Reads the three files. Throws what the file system throws. */
export function readTlsIdentity(files: {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}): TlsIdentity {
  return {
    ca: readFileSync(files.caFile),
    cert: readFileSync(files.certFile),
    key: readFileSync(files.keyFile),
  };
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
