import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { configure, env } from '@weft/chassis/config';
import {
  ensureDatabaseSecrets,
  ensureIdentitySecrets,
  ensureWorkloadCertificates,
} from '../chart/ensure-secrets.ts';
import { runTool } from '../fail.ts';
import { services, workloads } from '../workloads.ts';
import { folderSecretStore, writeShared } from './folder-secret-store.ts';

// A container of compose.yaml: makes the secrets that nobody has made yet, each in a folder that is the volume of
// who needs it, and renews the certificates for as long as it runs. Whoever reads them follows their files.

const everyMs = 30 * 60_000;
const release = 'weft';

const config = configure({
  folder: env.string('SECRETS_FOLDER'),
  readyFile: env.string('READY_FILE'),
  trustDomain: env.string('TRUST_DOMAIN', { default: 'weft.local' }),
  validHours: env.integer('VALID_HOURS', { default: 24, min: 2 }),
  once: env.boolean('ONCE', { default: false }),
});

await runTool(async () => {
  const { folder, readyFile } = config;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0));
  rmSync(readyFile, { force: true });
  const store = folderSecretStore(folder);
  const databases = services.map(({ name }) => name);
  const names = [...workloads.map(({ name }) => name as string), 'operator'];
  await ensureIdentitySecrets(store, release);
  await ensureDatabaseSecrets(store, release, databases);
  for (;;) {
    const issued = await ensureWorkloadCertificates(store, release, names, config);
    if (issued.length > 0) process.stdout.write(`certificates issued: ${issued.join(', ')}\n`);
    await writeEnvironments(databases);
    writeShared(readyFile, '');
    if (config.once) return;
    await delay(everyMs);
  }
});

/** What a process takes from its environment alone is a file for `node --env-file`, so that no engine shows it. */
async function writeEnvironments(databases: readonly string[]): Promise<void> {
  const store = folderSecretStore(config.folder);
  const write = (secret: string, lines: Readonly<Record<string, string | undefined>>) =>
    writeShared(
      join(config.folder, `${release}-${secret}`, 'process.env'),
      Object.entries(lines)
        .map(([name, value]) => `${name}=${value}\n`)
        .join(''),
    );
  const urls = (await store.read(`${release}-databases`)).data;
  for (const name of databases) write(`${name}-tls`, { DATABASE_URL: urls[name] });
  const { email, password } = (await store.read(`${release}-secrets`)).data;
  write('secrets', { ADMIN_EMAIL: email, ADMIN_PASSWORD: password });
}
