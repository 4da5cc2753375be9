import { findBinary } from '@weft/chassis/testing/binaries';
import { canInstallPackages, installPackages } from './debian.ts';

/** The names under which a program may be found, and the Debian package that brings it. */
const programs = {
  etcd: { names: ['etcd'], package: 'etcd-server' },
  mariadbd: { names: ['mariadbd'], package: 'mariadb-server' },
  nginx: { names: ['nginx'], package: 'nginx-light' },
  chromium: {
    names: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
    package: 'chromium',
    /** Names another one. */
    variable: 'CHROMIUM',
  },
} as const;
export type ServerBinary = keyof typeof programs;

/** Those of these programs that this machine lacks. */
export function missingServers(
  wanted: readonly ServerBinary[],
  environment: NodeJS.ProcessEnv = process.env,
): readonly ServerBinary[] {
  return wanted.filter((binary) => {
    const program = programs[binary];
    const given = 'variable' in program ? environment[program.variable] : undefined;
    return (given ?? '') === '' && findBinary(...program.names) === undefined;
  });
}

/** Installs what is missing of these, or throws an error that says what to do. Returns the packages installed. */
export async function ensureLocalServers(wanted: readonly ServerBinary[]): Promise<readonly string[]> {
  const missing = missingServers(wanted).map((binary) => programs[binary].package);
  if (missing.length === 0) return [];
  if (!canInstallPackages())
    throw new Error(
      `this machine has no ${missing.join(' and no ')}: install what is missing ` +
        `(apt-get install ${missing.join(' ')}, which happens by itself for root on Debian)`,
    );
  await installPackages(missing);
  return missing;
}
