import { describeFault } from '@weft/chassis/faults/fault';
import pc from 'picocolors';
import { identityFiles } from './certificates.ts';
import { containerRuns } from './docker.ts';
import { registeredServices, type RegisteredInstance } from './etcd-state.ts';
import { runTool } from './fail.ts';
import { listFaults } from './faults.ts';
import { readiness, serves } from './health.ts';
import { weftFolder } from './paths.ts';
import { isAlive, Records, type ProcessRecord } from './records.ts';
import { table } from './table.ts';
import { workloads } from './workloads.ts';

await runTool(async () => {
  const records = new Records(weftFolder).all();
  if (records.length === 0) process.stdout.write('nothing runs: make up starts it\n');
  const registry = records.find(({ name }) => name === 'etcd')?.url ?? process.env['ETCD_URL'];
  const instances = await instancesIn(registry);
  const rows = await Promise.all(
    records.map((record) => row(record, Array.isArray(instances) ? instances : [])),
  );
  if (rows.length > 0) print([['PROCESS', 'PID', 'PORTS', 'HEALTH', 'LEASE LEFT', 'LOG'], ...rows]);
  if (typeof instances === 'string') process.stdout.write(`\netcd: ${instances}\n`);
  else if (instances.length > 0)
    print(
      [
        ['SERVICE', 'ADDRESS', 'INSTANCE'],
        ...instances.map(({ service, address, id }) => [service, address, id]),
      ],
      '\n',
    );
  const faults = registry === undefined || typeof instances === 'string' ? [] : await listFaults(registry);
  if (faults.length > 0)
    print(
      [
        ['FAULT', 'METHOD', 'WHAT', 'ENDS IN'],
        ...faults.map(({ workload, method, fault }) => [
          workload,
          method,
          describeFault(fault),
          `${Math.max(0, Math.round((fault.untilMs - Date.now()) / 1_000))} s`,
        ]),
      ],
      '\n',
    );
  if (rows.some(([, , , health]) => health?.includes('down'))) process.exitCode = 1;
});

async function instancesIn(registry: string | undefined): Promise<readonly RegisteredInstance[] | string> {
  if (registry === undefined) return [];
  try {
    return await registeredServices(registry);
  } catch (error) {
    return `does not answer (${(error as Error).message})`;
  }
}

async function row(record: ProcessRecord, instances: readonly RegisteredInstance[]): Promise<string[]> {
  const { name, pid, ports, logFile } = record;
  const leases = instances.filter(({ address }) => ports.some((port) => address.endsWith(`:${port}`)));
  const left = leases.length === 0 ? '' : `${Math.min(...leases.map(({ leaseSeconds }) => leaseSeconds))} s`;
  return [name, String(pid), ports.join(' '), await health(record), left, logFile];
}

async function health(record: ProcessRecord): Promise<string> {
  if (record.container !== undefined)
    return (await containerRuns(record.container)) ? 'runs' : pc.red('down');
  if (!isAlive(record)) return pc.red('down');
  if (!workloads.some(({ name }) => name === record.name)) return 'runs';
  const [adminPort, port] = record.ports;
  if (adminPort === undefined || port === undefined) return 'runs';
  const { ready, detail } = await readiness(adminPort);
  if (!ready) return pc.yellow(`not ready: ${detail.replaceAll('\n', ' ')}`);
  if (record.name !== 'edge' && !(await serves(port, identityFiles(weftFolder, 'operator'))))
    return pc.yellow('not serving');
  return pc.green('ready');
}

function print(rows: readonly (readonly string[])[], before = ''): void {
  process.stdout.write(before + table(rows));
}
