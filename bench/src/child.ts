import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process that is measured. */
export interface Child {
  readonly pid: number;
  /** Sends it a message, and resolves with its next one. */
  ask(message: object): Promise<unknown>;
  stop(): Promise<void>;
}

/** Starts a Node process, and waits until its ports answer. Throws when it ends before. */
export async function startChild(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  ports: readonly number[],
): Promise<Child> {
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exit = once(child, 'exit');
  const stop = async () => {
    child.kill('SIGTERM');
    const cut = setTimeout(() => child.kill('SIGKILL'), 5_000);
    await exit;
    clearTimeout(cut);
  };
  const { pid } = child;
  if (pid === undefined) throw new Error(`${args[0]} cannot be started`);
  const endsAt = Date.now() + 20_000;
  for (const port of ports)
    while (!(await answers(port))) {
      if (child.exitCode !== null || Date.now() > endsAt) {
        await stop();
        throw new Error(`${args[0]} did not open port ${port}`);
      }
      await sleep(20);
    }
  return {
    pid,
    stop,
    async ask(message) {
      child.send(message);
      const ended = exit.then(() => {
        throw new Error(`${args[0]} ended`);
      });
      const [answer] = (await Promise.race([once(child, 'message'), ended])) as [unknown];
      return answer;
    },
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/** CPU time of all threads of a process since it started, microseconds (Linux; counted in nanoseconds). */
export function cpuUs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const used = threads.map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]),
  );
  return used.reduce((sum, ns) => sum + ns, 0) / 1000;
}
