import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface RunningNode {
  readonly child: ChildProcess;
  /** All that it has printed until now. */
  readonly text: () => string;
  /** Waits until its output matches, and answers the match. Rejects when it ends before. */
  readonly until: (pattern: RegExp) => Promise<RegExpExecArray>;
  /** Its exit code, null after a signal. */
  readonly exit: Promise<number | null>;
  /** SIGKILL, and waits until it is gone. */
  kill(): Promise<void>;
}

/** Without it each start takes the types out of every file anew, which is half of its time. */
const cache = fileURLToPath(new URL('../../../node_modules/.cache/weft-edge', import.meta.url));

/** Runs a script under this Node, in an environment of its own. */
export function runNode(
  script: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd?: string,
): RunningNode {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, ...args], {
    env: { PATH: process.env['PATH'] ?? '', NODE_COMPILE_CACHE: cache, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
  });
  let text = '';
  const heard = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      for (const listener of heard) listener();
    });
  const exit = once(child, 'close').then(([code]) => code as number | null);
  return {
    child,
    exit,
    text: () => text,
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(text);
          if (match === null) return;
          heard.delete(look);
          resolve(match);
        };
        heard.add(look);
        void exit.then((code) =>
          reject(new Error(`it ended with ${code}, and never said ${pattern}:\n${text}`)),
        );
        look();
      }),
    async kill() {
      child.kill('SIGKILL');
      await exit;
    },
  };
}
