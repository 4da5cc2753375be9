import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { root } from '../paths.ts';

/** Where `make tools` puts programs. */
export const toolsFolder = process.env['WEFT_TOOLS'] ?? join(root, '.weft/tools/bin');

export const chartFolder = join(root, 'deploy/helm/weft');

/** The Kubernetes that examples are rendered for: the newest that the chart is checked with. */
export const kubernetesVersion = '1.37.2';

/** How a program ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  /** stdout and stderr, as they came. */
  readonly output: string;
}

/** Runs one of the tools to its end, whatever that is; rejects when it cannot be started. */
export function runToEnd(
  tool: string,
  args: readonly string[],
  options: { readonly input?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Ended> {
  const command = tool.includes('/') ? tool : join(toolsFolder, tool);
  const child = spawn(command, args, { cwd: root, env: { ...process.env, ...options.env } });
  let [stdout, output] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stdin.end(options.input ?? '');
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, output }));
  });
}

/** The same, but an end other than 0 rejects with the last lines of what it said. */
export async function run(...given: Parameters<typeof runToEnd>): Promise<string> {
  const { code, stdout, output } = await runToEnd(...given);
  if (code === 0) return stdout;
  throw new Error(`${given[0]} ended with ${code}:\n${output.trim().split('\n').slice(-40).join('\n')}`);
}

/** What the chart renders, as manifests; rejects with what helm says. */
export function render(folder: string, args: readonly string[]): Promise<string> {
  return run('helm', [
    'template',
    'weft',
    folder,
    '--namespace',
    'shop',
    '--kube-version',
    kubernetesVersion,
    ...args,
  ]);
}
