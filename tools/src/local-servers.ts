import { findBinary } from '@weft/chassis/testing/binaries';
import { canInstallPackages, installPackages } from './debian.ts';

/** The servers that we need, by the name of their program, and the Debian packages that bring them. */
const packages = { etcd: 'etcd-server', mariadbd: 'mariadb-server' };
export type ServerBinary = keyof typeof packages;

/** Those of these programs that this machine lacks. */
export function missingServers(wanted: readonly ServerBinary[]): readonly ServerBinary[] {
  return wanted.filter((binary) => findBinary(binary) === undefined);
}

/** Installs what is missing of these, or throws an error that says what to do. Returns the packages installed. */
export async function ensureLocalServers(wanted: readonly ServerBinary[]): Promise<readonly string[]> {
  const missing = missingServers(wanted).map((binary) => packages[binary]);
  if (missing.length === 0) return [];
  if (!canInstallPackages())
    throw new Error(
      `this machine has no ${missing.join(' and no ')}: install what is missing ` +
        `(apt-get install ${missing.join(' ')}, which happens by itself for root on Debian)`,
    );
  await installPackages(missing);
  return missing;
}
