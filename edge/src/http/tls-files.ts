import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import type { SecureContextOptions } from 'node:tls';
import type { Logger } from '@weft/chassis/logger';

const { createSecureContext } = process.getBuiltinModule('node:tls');
const checkIntervalMs = 5_000;

/** The certificate chain and the key that the port shows to clients, in PEM files. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** Reads both, and throws where they cannot be read, are no PEM, or do not belong together. */
export function readTlsFiles({ certFile, keyFile }: TlsFiles): SecureContextOptions {
  const context = {
    cert: readFileSync(certFile),
    key: readFileSync(keyFile),
    minVersion: 'TLSv1.2' as const,
  };
  createSecureContext(context);
  return context;
}

/**
 * Hands a new pair to `use` once the files change; one that cannot be used is logged, and the old one stays,
 * since the two files are seldom replaced at the same instant. Answers how to stop looking.
 */
export function followTlsFiles(
  files: TlsFiles,
  use: (context: SecureContextOptions) => void,
  logger: Logger,
  intervalMs = checkIntervalMs,
): () => void {
  const reload = (): void => {
    try {
      use(readTlsFiles(files));
      logger.info({ certFile: files.certFile }, 'the TLS certificate was replaced');
    } catch (error) {
      logger.warn({ err: error, certFile: files.certFile }, 'the new TLS certificate cannot be used');
    }
  };
  const watched = [files.certFile, files.keyFile];
  for (const file of watched) watchFile(file, { interval: intervalMs, persistent: false }, reload);
  return () => watched.forEach((file) => unwatchFile(file, reload));
}
