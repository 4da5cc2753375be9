import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import spawn from 'nano-spawn';
import { root } from '../paths.ts';
import { writePrivate } from '../private-file.ts';
import type { AdminLogin } from '../secrets.ts';

/** The shop that runs in containers, as `make up DOCKER=1` leaves it on record. */
export interface ComposeShop {
  /** Compose's name for it. */
  readonly project: string;
  /** Of the edge. */
  readonly url: string;
  readonly admin: AdminLogin;
}

const recordOf = (folder: string) => join(folder, 'compose.json');
const file = join(root, 'deploy/compose.yaml');

/** The project of a folder: two folders are two shops. */
export function projectName(folder: string): string {
  return `weft-${createHash('sha256').update(folder).digest('hex').slice(0, 8)}`;
}

/** The shop in containers that is on record in a folder, if there is one. */
export function composeShop(folder: string): ComposeShop | undefined {
  const record = recordOf(folder);
  return existsSync(record) ? (JSON.parse(readFileSync(record, 'utf8')) as ComposeShop) : undefined;
}

export function recordComposeShop(folder: string, shop: ComposeShop): void {
  writePrivate(recordOf(folder), `${JSON.stringify(shop, null, 2)}\n`);
}

/** Runs `docker compose` on compose.yaml; answers what it said. Rejects with its last lines. */
export async function compose(project: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const options = ['compose', `--project-name=${project}`, `--file=${file}`];
  return (await spawn('docker', [...options, ...args], { env })).stdout;
}

/** Ends the shop of a folder, if one is on record; `volumes` too, on request. Whether there was one. */
export async function endComposeShop(
  folder: string,
  { volumes }: { readonly volumes: boolean },
): Promise<boolean> {
  const shop = composeShop(folder);
  if (shop === undefined) return false;
  const everything = ['--profile=*', 'down', '--remove-orphans'];
  await compose(shop.project, [...everything, ...(volumes ? ['--volumes'] : [])]);
  rmSync(recordOf(folder));
  return true;
}
