import { parseArgs } from 'node:util';
import { identityFiles, type IdentityFiles } from '../certificates.ts';
import { weftFolder } from '../paths.ts';
import { Records } from '../records.ts';
import { registeredAddresses } from './services.ts';

/** Something about the command line is wrong: exit code 2. */
export class UsageError extends Error {}

/** What every command takes. */
export const commonOptions = {
  address: { type: 'string', multiple: true },
  registry: { type: 'string' },
  ca: { type: 'string' },
  cert: { type: 'string' },
  key: { type: 'string' },
  'trust-domain': { type: 'string' },
  service: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

export const commandOptions = {
  state: { type: 'string', multiple: true },
  'older-than': { type: 'string' },
  limit: { type: 'string' },
  pending: { type: 'boolean' },
  target: { type: 'string' },
  message: { type: 'string' },
  follow: { type: 'boolean' },
  every: { type: 'string' },
  since: { type: 'string' },
  resume: { type: 'string' },
} as const;

export const help = `Usage: ./weft saga <command> [options]

  list                 what is not at its end: pending sagas, and steps that wait for a decision
      --state STATE      only those in it: PENDING COMMITTED ABORTED; NEW DONE REFUSED COMPENSATED TOMBSTONE
                         (repeatable)
      --older-than 10m   only those that began so long ago
      --limit 50         of each service
  show <saga>          all that every service has of one saga: its decision, steps, messages, log, effects
  parked               messages that nobody could handle
      --pending          those on their way instead
      --target SERVICE   only those for a gRPC service
  redrive <saga>       sends the saga's parked messages again, under the same ids
      --message ID       this message
      --target SERVICE   all for a gRPC service
  audit                compares the services by the sagas' invariants; exits 1 when something does not agree
      --follow           goes on until it is interrupted; tells what appears and what is mended
      --every 10s        how often
      --since 1h         what happened before is left out
      --resume FILE      goes on where the last audit with this file was

  --service NAME       one service alone (catalog); not with audit
  --json               for programs
  --registry URL       where the services are registered; default: that of make up, or ETCD_URL
  --address HOST:PORT  an instance, instead of the registry (repeatable: one of each service)
  --ca, --cert, --key FILE
                       the mesh's authorities, the operator's certificate and its key; default: WEFT_CA_FILE,
                       WEFT_CERT_FILE, WEFT_KEY_FILE, or those of make up
  --trust-domain NAME  default: TRUST_DOMAIN, or weft.local
`;

export type Values = ReturnType<typeof parse>['values'];

/** The command line. Throws a UsageError that says what is wrong with it. */
export function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: { ...commonOptions, ...commandOptions },
      allowPositionals: true,
      strict: true,
    });
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

/** How the operator proves who they are. */
export function identityOf(values: Values): IdentityFiles {
  const made = identityFiles(weftFolder, 'operator');
  const from = (flag: 'ca' | 'cert' | 'key', variable: string) =>
    values[flag] ?? process.env[variable] ?? made[flag];
  return {
    ca: from('ca', 'WEFT_CA_FILE'),
    cert: from('cert', 'WEFT_CERT_FILE'),
    key: from('key', 'WEFT_KEY_FILE'),
  };
}

/** The instances to ask: those given, or all that are registered. */
export async function addressesOf(values: Values): Promise<readonly string[]> {
  if (values.address !== undefined) return values.address;
  const registry = values.registry ?? new Records(weftFolder).get('etcd')?.url ?? process.env['ETCD_URL'];
  if (registry === undefined)
    throw new Error('nothing runs here: make up starts it; --address or --registry name another system');
  const addresses = await registeredAddresses(registry);
  if (addresses.length === 0) throw new Error(`no service is registered in ${registry}`);
  return addresses;
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `10m`, `2h`, `7d` in milliseconds. */
export function durationMs(flag: string, value: string): number {
  const [, number = '', unit = ''] = /^(\d+)(ms|s|m|h|d)$/.exec(value) ?? [];
  const factor = units[unit];
  if (factor === undefined) throw new UsageError(`--${flag} is ${value}, not like 90s, 10m, 2h or 7d`);
  return Number(number) * factor;
}
