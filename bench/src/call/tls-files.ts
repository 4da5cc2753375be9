import { readFileSync } from 'node:fs';

/** What TLS_CA_FILE, TLS_CERT_FILE and TLS_KEY_FILE name. */
export function tlsFiles(): Readonly<Record<'ca' | 'cert' | 'key', Buffer>> {
  const read = (name: string): Buffer => readFileSync(process.env[`TLS_${name}_FILE`] ?? '');
  return { ca: read('CA'), cert: read('CERT'), key: read('KEY') };
}
