import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SecretData, SecretStore } from '../chart/secret-store.ts';

/**
 * Secrets as folders: `<folder>/<name>/<key>`. The files can be read by their owner's group; readers see the old
 * or the new content of each, never a part. For one writer: versions are not compared.
 */
export function folderSecretStore(folder: string): SecretStore {
  const write = (name: string, data: SecretData) => {
    for (const [key, text] of Object.entries(data)) writeShared(join(folder, name, key), text);
  };
  return {
    create: (name, data) => {
      if (Object.keys(data).every((key) => existsSync(join(folder, name, key))))
        return Promise.resolve(false);
      mkdirSync(join(folder, name), { recursive: true });
      write(name, data);
      return Promise.resolve(true);
    },
    read: (name) => {
      const files = readdirSync(join(folder, name)).filter((file) => !file.endsWith('.next'));
      const data = files.map((file) => [file, readFileSync(join(folder, name, file), 'utf8')]);
      return Promise.resolve({ data: Object.fromEntries(data) as SecretData, version: '' });
    },
    replace: (name, data) => Promise.resolve(write(name, data)),
  };
}

/** Writes a file whose owner may change it, and whose group may read it. */
export function writeShared(file: string, text: string): void {
  writeFileSync(`${file}.next`, text, { mode: 0o640 });
  renameSync(`${file}.next`, file);
}
