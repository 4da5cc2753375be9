import { chmodSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import spawn from 'nano-spawn';

const policyFile = '/usr/sbin/policy-rc.d';

/** Whether this is Debian, or made of it, and we may install packages. */
export function canInstallPackages(): boolean {
  return process.getuid?.() === 0 && existsSync('/etc/debian_version') && existsSync('/usr/bin/apt-get');
}

/**
 * Installs packages without starting their daemons: while it runs, a policy-rc.d answers 101, "action
 * forbidden by policy" (invoke-rc.d(8)). One that is there already is left as it is.
 */
export async function installPackages(packages: readonly string[]): Promise<void> {
  const ours = !existsSync(policyFile);
  const remove = () => {
    if (ours) rmSync(policyFile, { force: true });
  };
  process.once('exit', remove);
  try {
    if (ours) {
      writeFileSync(policyFile, '#!/bin/sh\nexit 101\n');
      chmodSync(policyFile, 0o755);
    }
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    await spawn('apt-get', ['update', '-qq'], { env });
    await spawn('apt-get', ['install', '--yes', '--no-install-recommends', ...packages], { env });
  } finally {
    remove();
    process.off('exit', remove);
  }
}
