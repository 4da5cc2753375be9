import { everyMethod, describeFault } from '@weft/chassis/faults/fault';
import type { CodeName } from '@weft/chassis/errors';
import { runTool } from './fail.ts';
import { awaitFault, faultsSwitchedOn, methodOf } from './fault-target.ts';
import { clearFaults, setFault } from './faults.ts';
import { weftFolder } from './paths.ts';
import { Records } from './records.ts';
import { services } from './workloads.ts';

// make fault SERVICE=catalog METHOD=GetProduct [DELAY_MS=200] [ERROR=UNAVAILABLE] [RATE=0.3] [SECONDS=600]
// make fault CLEAR=1 [SERVICE=catalog [METHOD=GetProduct]]

const usage = 'make fault SERVICE=catalog METHOD=GetProduct DELAY_MS=200 ERROR=UNAVAILABLE RATE=0.3';

await runTool(async () => {
  const { SERVICE = '', METHOD = '', CLEAR = '' } = process.env;
  const records = new Records(weftFolder);
  const registry = records.get('etcd')?.url ?? process.env['ETCD_URL'];
  if (registry === undefined) throw new Error('nothing runs: make up starts it');
  const workload = SERVICE === '' ? undefined : serviceNamed(SERVICE);
  const method = METHOD === '' || METHOD === everyMethod ? METHOD || undefined : methodOf(METHOD, workload);
  if (CLEAR !== '') {
    if (workload === undefined && method !== undefined) throw new Error('METHOD needs SERVICE');
    return say(`${await clearFaults(registry, workload, method)} taken back`);
  }
  if (workload === undefined || method === undefined)
    throw new Error(`SERVICE or METHOD is missing: ${usage}`);
  const adminPort = records.get(workload)?.ports[0];
  if (adminPort === undefined) throw new Error(`${workload} does not run: make up starts it`);
  if (!(await faultsSwitchedOn(adminPort)))
    throw new Error(`${workload} was started without FAULTS=on: it takes no notice of faults`);
  const seconds = numberIn('SECONDS', 600);
  const error = process.env['ERROR'] ?? '';
  const fault = await setFault(
    registry,
    {
      workload,
      method,
      delayMs: numberIn('DELAY_MS', 0),
      rate: numberIn('RATE', 1),
      ...(error === '' ? {} : { error: error as CodeName }),
    },
    seconds,
  );
  await awaitFault(adminPort, method, fault);
  say(`${workload} ${method}: ${describeFault(fault)}, for ${seconds} s (make fault CLEAR=1 ends it)`);
});

function serviceNamed(name: string): string {
  const names = services.map((service) => service.name as string);
  if (!names.includes(name)) throw new Error(`SERVICE is ${name}, not one of ${names.join(', ')}`);
  return name;
}

function numberIn(name: string, preset: number): number {
  const raw = process.env[name] ?? '';
  if (raw === '') return preset;
  if (!/^\d+(\.\d+)?$/.test(raw) || (name === 'SECONDS' && !(Number(raw) >= 1)))
    throw new Error(`${name} is ${raw}, which is no number it can be`);
  return Number(raw);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
