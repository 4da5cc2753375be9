import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from '../paths.ts';
import { chartFolder, render } from './toolbox.ts';

/** A way to install the chart, rendered in the repository for people to read. */
export interface Example {
  readonly name: string;
  /** What `helm template` is given. */
  readonly args: readonly string[];
}

export const examples: readonly Example[] = [
  { name: 'dev', args: ['--values', join(chartFolder, 'values-dev.yaml')] },
  { name: 'ha', args: ['--values', join(chartFolder, 'values-ha.yaml')] },
  {
    name: 'dns',
    args: ['--set', 'discovery=dns,mysql.enabled=true,route.type=ingress,route.host=shop.example.com'],
  },
];

/** What an example renders to, where the repository has it. */
export function renderedFile({ name }: Example): string {
  return join(root, 'deploy/helm/rendered', `${name}.yaml`);
}

/** Compares the rendered examples with the chart, or writes them. Rejects with the first line that differs. */
export async function checkRendered(write: boolean): Promise<void> {
  for (const example of examples) {
    const now = await render(chartFolder, example.args);
    const file = renderedFile(example);
    if (write) await writeFile(file, now);
    const before = await readFile(file, 'utf8').catch(() => '');
    if (before === now) continue;
    const [old, fresh] = [before.split('\n'), now.split('\n')];
    const line = fresh.findIndex((text, at) => text !== old[at]);
    throw new Error(
      `${file}:${line + 1} is no longer what the chart renders (make chart-check WRITE=1 writes it anew):\n` +
        `- ${old[line] ?? ''}\n+ ${fresh[line] ?? ''}`,
    );
  }
}
