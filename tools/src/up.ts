import { statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import pc from 'picocolors';
import { all } from './all.ts';
import { composeShop } from './compose/project.ts';
import { ensureDatabases } from './databases.ts';
import { identityFiles } from './certificates.ts';
import { endSystem } from './end-system.ts';
import { runTool } from './fail.ts';
import { chooseSources, ensureDatabase, ensureEtcd, type Sources } from './infrastructure.ts';
import { releaseLockAtExit } from './lock.ts';
import { root, weftFolder as folder } from './paths.ts';
import { assertFree, portsFromEnvironment, portVariables, type Ports } from './ports.ts';
import { Processes } from './processes.ts';
import { adminLogin, type AdminLogin } from './secrets.ts';
import { bringUpShop, edgeUrl } from './shop.ts';
import { silent, Steps } from './steps.ts';
import { services } from './workloads.ts';

releaseLockAtExit();
await runTool(async () => {
  if (composeShop(folder) !== undefined)
    throw new Error('the shop runs in containers: make down ends it, then this can follow');
  const ports = portsFromEnvironment();
  const processes = new Processes({ folder, detached: true });
  let begun = false;
  let interrupted = false;
  /** Once anything was begun, the shop runs whole or not at all; before that, what runs is left alone. */
  const giveUp = async () => {
    if (!begun) return;
    process.stderr.write(pc.dim('  ending everything\n'));
    await processes.endStarted();
    await endSystem(processes.records, silent);
  };
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)
    process.once(signal, () => {
      interrupted = true;
      void giveUp().finally(() => process.exit(code));
    });
  try {
    const steps = new Steps((text) => interrupted || process.stdout.write(text));
    const sources = await prepare(ports, processes, steps);
    begun = true;
    await bringUp({ ports, processes, steps, sources });
  } catch (error) {
    // What fails while everything is being ended is no news.
    if (interrupted) return;
    await giveUp();
    throw error;
  }
  process.stdout.write(welcome(ports, adminLogin(folder)));
});

/** What can be found out before anything is started: that etcd and a database can be had, and the ports. */
async function prepare(ports: Ports, processes: Processes, steps: Steps): Promise<Sources> {
  const sources = await steps.run(
    'etcd and a database',
    () => chooseSources(),
    ({ installed }) => (installed.length > 0 ? `installed ${installed.join(', ')}` : undefined),
  );
  await assertFree(needed(ports, processes, sources));
  return sources;
}

async function bringUp(options: {
  readonly ports: Ports;
  readonly processes: Processes;
  readonly steps: Steps;
  readonly sources: Sources;
}): Promise<void> {
  const { ports, processes, steps, sources } = options;
  const place = { folder, ports, processes };
  const note = ({ started, url }: { started: boolean; url: string }) =>
    started ? new URL(url).host : `${new URL(url).host} runs`;
  const [etcd, database] = await all([
    steps.run('etcd', () => ensureEtcd(sources.etcd, place), note),
    steps.run('database', () => ensureDatabase(sources.database, place), note),
  ]);
  const databases = await steps.run(
    'databases',
    () => ensureDatabases(database.url, folder),
    (urls) => (database.started ? Object.keys(urls).join(', ') : undefined),
  );
  await bringUpShop({
    folder,
    ports,
    registry: etcd.url,
    databases,
    admin: adminLogin(folder),
    processes,
    steps,
  });
  await keepCertificates(processes);
}

/** Certificates last a day: a process of its own renews them, for as long as the shop runs. */
async function keepCertificates(processes: Processes): Promise<void> {
  const name = 'certificates';
  const main = fileURLToPath(new URL('renew-certificates.js', import.meta.url));
  const fingerprint = String(statSync(main).mtimeMs);
  if (processes.running(name, fingerprint) !== undefined) return;
  const args = ['--max-semi-space-size=2', main, folder];
  const env = { PATH: process.env['PATH'] };
  await processes.start({ name, command: process.execPath, args, env, ports: [], fingerprint });
}

/** The ports that something will listen on and nothing of ours does yet. */
function needed(ports: Ports, processes: Processes, { etcd, database }: Sources): Partial<Ports> {
  const ours = new Set(processes.ports());
  const unused = (name: string) =>
    (etcd.kind === 'given' && name.startsWith('ETCD')) ||
    (database.kind === 'given' && name.startsWith('DATABASE'));
  return Object.fromEntries(Object.entries(ports).filter(([name, port]) => !ours.has(port) && !unused(name)));
}

function welcome(ports: Ports, admin: AdminLogin): string {
  const { ca, cert, key } = identityFiles(folder, 'operator');
  const path = (file: string) => relative(root, file);
  const grpcurl = `grpcurl -cacert ${path(ca)} -cert ${path(cert)} -key ${path(key)}`;
  return `
${pc.bold('The shop is open:')} ${edgeUrl({ ports }).replace('127.0.0.1', 'localhost')}/v1/products

  admin      ${admin.email}  ${admin.password}  (kept in ${path(join(folder, 'admin.json'))})
  gRPC       ${services.map(({ name }) => `${name} localhost:${ports[portVariables(name).port]}`).join(', ')}
  grpcurl    ${grpcurl} localhost:${ports.CATALOG_PORT} list

Try next
  make demo                        an order from sign-up to CONFIRMED, and what happens when it cannot be
  make call METHOD=shop.catalog.v1.ProductService/ListProducts DATA='{"pageSize": 1}'
  make load RATE=50 SECONDS=60     orders and reads at a steady rate
  make status | make logs | make down
`;
}
