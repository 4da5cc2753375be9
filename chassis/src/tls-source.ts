import { stat } from 'node:fs/promises';
import type { Logger } from './logger.ts';
import { createRefusals, type PeerRefusal } from './tls-refusals.ts';
import { readTlsIdentity, type TlsFiles, type TlsIdentity } from './tls.ts';

const checkMs = 1_000;

/** A workload's identity, which is another from time to time. */
export interface TlsSource {
  /** What new connections are made with. */
  current(): TlsIdentity;
  /** Calls `listener` after each change; answers how to stop that. */
  onChange(listener: () => void): () => void;
  /** Tells of a peer that was refused: counted always, logged once. */
  refused(refusal: PeerRefusal): void;
}

/** An identity that stays as it is, for tests and tools. Refusals are counted and not logged. */
export function fixedTls(identity: TlsIdentity): TlsSource {
  return { current: () => identity, onChange: () => () => undefined, refused: createRefusals() };
}

/** Takes either form. */
export function tlsSource(tls: TlsIdentity | TlsSource): TlsSource {
  return 'current' in tls ? tls : fixedTls(tls);
}

export interface FollowOptions {
  readonly trustDomain: string;
  /** Whose certificate it must stay. Default: any workload's. */
  readonly workload?: string | undefined;
  readonly logger: Logger;
  /** How often the files are looked at. Default: 1,000 ms. */
  readonly checkMs?: number;
}

/** An identity that follows its files. */
export interface FollowedTls extends TlsSource {
  /** Stops looking at the files. */
  close(): void;
}

/**
 * Follows the three files of an identity, read before by readTlsIdentity. A change that cannot be used (files
 * replaced one after the other, the key of another certificate, another workload) is logged once, and the
 * identity before stays until it can. Files behind symbolic links, as Kubernetes mounts secrets, are followed.
 */
export function followTls(files: TlsFiles, first: TlsIdentity, options: FollowOptions): FollowedTls {
  const { trustDomain, workload, logger } = options;
  const listeners = new Set<() => void>();
  let identity = first;
  let used = '';
  let complained = '';
  let closed = false;

  async function look(): Promise<void> {
    const seen = await stamp(files);
    if (seen === used || closed) return;
    try {
      const next = readTlsIdentity(files, trustDomain, workload);
      // What was read is what was seen: it may have changed again in between.
      if ((await stamp(files)) !== seen) return;
      used = seen;
      if (sameIdentity(next, identity)) return;
      const newAuthorities = !next.ca.equals(identity.ca);
      identity = next;
      logger.info({ certFile: files.certFile, newAuthorities }, 'the certificate was replaced');
      for (const listener of listeners) listener();
    } catch (error) {
      if (complained === seen) return;
      complained = seen;
      logger.warn({ err: error, certFile: files.certFile }, 'the new certificate cannot be used (yet)');
    }
  }

  let timer: NodeJS.Timeout;
  const again = (): void => {
    if (!closed) timer = setTimeout(() => void look().finally(again), options.checkMs ?? checkMs).unref();
  };
  again();
  return {
    current: () => identity,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    refused: createRefusals(logger),
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

function sameIdentity(one: TlsIdentity, other: TlsIdentity): boolean {
  return one.ca.equals(other.ca) && one.cert.equals(other.cert) && one.key.equals(other.key);
}

/** Changes whenever one of the files does; what is missing is part of it. */
async function stamp(files: TlsFiles): Promise<string> {
  const all = [files.caFile, files.certFile, files.keyFile].map(async (file) => {
    try {
      const { ino, size, mtimeMs } = await stat(file);
      return `${ino} ${size} ${mtimeMs}`;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? 'unreadable';
    }
  });
  return (await Promise.all(all)).join('|');
}
