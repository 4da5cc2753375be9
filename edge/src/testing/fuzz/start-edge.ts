import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Limits } from '../../limits.ts';
import type { Held, Start } from './edge-process.ts';

/** An edge in a process of its own. */
export interface EdgeProcess {
  readonly port: number;
  ended(): boolean;
  lastWords(): string;
  held(): Promise<Held>;
  stop(): void;
}

/** Starts edge-process.ts with an encoded descriptor set, and limits beside those of fuzz-limits.ts. */
export async function startEdge(descriptors: Uint8Array, limits: Partial<Limits> = {}): Promise<EdgeProcess> {
  const child = fork(fileURLToPath(new URL('edge-process.ts', import.meta.url)), {
    execArgv: ['--expose-gc', '--disable-warning=ExperimentalWarning'],
    env: { PATH: process.env['PATH'] ?? '' },
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let words = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => (words = (words + chunk.toString()).slice(-4_000)));
  child.send({ descriptors, limits } satisfies Start);
  try {
    const port = (await answerOf(child)) as number;
    return {
      port,
      ended: () => child.exitCode !== null || child.signalCode !== null,
      lastWords: () => words,
      async held() {
        if (child.exitCode !== null) return { heapBytes: 0, residentBytes: 0, resources: 0 };
        child.send('what do you hold?');
        return (await answerOf(child)) as Held;
      },
      stop: () => void child.kill(),
    };
  } catch (error) {
    child.kill();
    throw new Error(`the edge did not start: ${words}`, { cause: error });
  }
}

async function answerOf(child: ChildProcess): Promise<unknown> {
  const ended = new AbortController();
  const end = (): void => ended.abort(new Error('the edge ended'));
  child.once('exit', end);
  try {
    const [message] = (await once(child, 'message', { signal: ended.signal })) as unknown[];
    return message;
  } finally {
    child.off('exit', end);
  }
}
