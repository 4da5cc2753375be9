import { configure, env } from '@weft/chassis/config';
import { runTool } from '../fail.ts';
import {
  ensureDatabaseSecrets,
  ensureIdentitySecrets,
  ensureWorkloadCertificates,
} from './ensure-secrets.ts';
import { podSecretStore } from './secret-store.ts';

// The chart's Job: makes the Secrets that nobody gave, renews certificates. Run again, it keeps what is good.

const names = { each: (item: string) => item };
const config = configure({
  // The kubelet sets them in every pod.
  apiHost: env.string('KUBERNETES_SERVICE_HOST'),
  apiPort: env.port('KUBERNETES_SERVICE_PORT'),
  accountFolder: env.string('ACCOUNT_FOLDER', { default: '/var/run/secrets/kubernetes.io/serviceaccount' }),
  release: env.string('RELEASE'),
  trustDomain: env.string('TRUST_DOMAIN'),
  workloads: env.list('WORKLOADS', names),
  validHours: env.integer('VALID_HOURS', { default: 24, min: 2 }),
  databases: env.list('DATABASES', names),
  secrets: env.boolean('SECRETS', { default: false }),
});

await runTool(async () => {
  const { release, workloads, databases } = config;
  const store = podSecretStore(`https://${config.apiHost}:${config.apiPort}`, config.accountFolder);
  if (config.secrets) await ensureIdentitySecrets(store, release);
  if (databases.length > 0) await ensureDatabaseSecrets(store, release, databases);
  if (workloads.length === 0) return;
  const issued = await ensureWorkloadCertificates(store, release, workloads, config);
  process.stdout.write(`certificates issued: ${issued.join(', ') || 'none, all are good'}\n`);
});
