import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where packages put daemons that an ordinary user's PATH leaves out. */
const usualFolders = [
  '/usr/local/bin',
  '/usr/local/sbin',
  '/usr/bin',
  '/usr/sbin',
  '/opt/homebrew/bin',
  '/opt/homebrew/opt/mariadb/bin',
  '/usr/local/mysql/bin',
];

/** The path of the first of these programs that is on PATH or in a usual place, else undefined. */
export function findBinary(...names: readonly string[]): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter).filter(Boolean), ...usualFolders];
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

/** The same, but throws an error that says which package brings it. */
export function requireBinary(debianPackage: string, ...names: readonly string[]): string {
  const path = findBinary(...names);
  if (path !== undefined) return path;
  throw new Error(
    `${names.join(' or ')} was not found: install it (Debian: apt-get install ${debianPackage})`,
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
