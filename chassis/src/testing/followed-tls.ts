import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '../logger.ts';
import { followTls, type FollowedTls } from '../tls-source.ts';
import { readTlsIdentity } from '../tls.ts';
import type { Identity } from './certificates.ts';

/** An identity in files of its own, followed closely. */
export interface TestTls {
  readonly source: FollowedTls;
  /** Replaces what is given, one file after the other. */
  write(identity: Partial<Identity>): void;
  /** Stops following, and removes the files. */
  close(): void;
}

/** Looks at the files every 20 ms. */
export function followedTls(first: Identity, logger: Logger): TestTls {
  const folder = mkdtempSync(join(tmpdir(), 'weft-tls-'));
  const file = (name: string) => join(folder, name);
  const write = (identity: Partial<Identity>): void => {
    for (const [name, text] of Object.entries(identity)) {
      writeFileSync(file(`${name}.next`), text);
      renameSync(file(`${name}.next`), file(name));
    }
  };
  write(first);
  const files = { caFile: file('ca'), certFile: file('cert'), keyFile: file('key') };
  const trustDomain = 'weft.local';
  const source = followTls(files, readTlsIdentity(files, trustDomain), { trustDomain, logger, checkMs: 20 });
  return {
    source,
    write,
    close() {
      source.close();
      rmSync(folder, { recursive: true });
    },
  };
}
