import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const pollMs = 25;
const stopGraceMs = 10_000;
/** Node's report of an error that nobody caught takes about twenty. */
const shownLogLines = 25;

/** What is started, and how long it lives. */
export interface ServerProcessOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Its whole environment. Default: this process's. */
  readonly env?: NodeJS.ProcessEnv;
  /** Where its output goes. */
  readonly logFile: string;
  /** True: it outlives this process. False: it never does, however this process ends. */
  readonly detached: boolean;
  /** Removed when the server is stopped or this process ends. Not together with `detached`. */
  readonly temporaryFolder?: string;
}

/** A child process that serves something on this machine. */
export class ServerProcess {
  readonly #options: ServerProcessOptions;
  readonly #child: ChildProcess;
  readonly #guard: ChildProcess | undefined;

  constructor(options: ServerProcessOptions) {
    this.#options = options;
    const log = openSync(options.logFile, 'a', 0o600);
    // A group of its own: Ctrl-C in a terminal must not reach a server before its users are done.
    this.#child = spawn(options.command, options.args, {
      stdio: ['ignore', log, log],
      env: options.env,
      detached: true,
    });
    closeSync(log);
    this.#child.on('error', () => undefined);
    this.#child.unref();
    if (!options.detached && this.#child.pid !== undefined)
      this.#guard = startGuard(this.#child.pid, options.temporaryFolder);
    this.#child.once('exit', () => this.#guard?.kill('SIGKILL'));
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`${this.#options.name} could not be started`);
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Polls until `ready` resolves to true. Throws with the last log lines when the process ends before. */
  async waitUntil(ready: () => Promise<boolean>, timeoutMs: number): Promise<void> {
    const end = performance.now() + timeoutMs;
    while (!(await ready())) {
      if (!this.running) throw this.#failure('ended while starting');
      if (performance.now() > end) throw this.#failure(`was not ready within ${timeoutMs} ms`);
      await sleep(pollMs);
    }
  }

  /** Sends a signal; resolves when it has done what it does: ended the process, frozen or thawed it. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    if (!this.running) return;
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') {
      this.#child.kill(signal);
      if (signal === 'SIGSTOP') while (this.running && !isFrozen(this.pid)) await sleep(1);
      return;
    }
    this.#child.ref();
    const exit = once(this.#child, 'exit');
    this.#child.kill(signal);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), stopGraceMs);
    await exit;
    clearTimeout(timer);
  }

  /** Ends it: at once when its data are temporary (there is nothing to save), else with SIGTERM first. */
  async stop(): Promise<void> {
    const folder = this.#options.temporaryFolder;
    await this.kill(folder === undefined ? 'SIGTERM' : 'SIGKILL');
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }

  #failure(what: string): Error {
    const { name, logFile } = this.#options;
    const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-shownLogLines);
    return new Error(`${name} ${what}. Its last log lines:\n${lines.map((line) => `  ${line}`).join('\n')}`);
  }
}

/** Whether each thread of a process is stopped: a signal reaches them one by one. Off Linux, taken for granted. */
function isFrozen(pid: number): boolean {
  if (process.platform !== 'linux') return true;
  try {
    const tasks = `/proc/${pid}/task`;
    const stats = readdirSync(tasks).map((thread) => readFileSync(`${tasks}/${thread}/stat`, 'utf8'));
    return stats.every((stat) => stat.slice(stat.lastIndexOf(')')).startsWith(') T'));
  } catch (error) {
    // A thread, or the whole process, that has ended since: asked again.
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

/**
 * A shell that ends the server when this process is gone, even by SIGKILL: its standard input is a pipe
 * from here, which the kernel closes, whatever the reason.
 */
function startGuard(pid: number, folder: string | undefined): ChildProcess {
  const script = 'cat >/dev/null; kill -9 "$1"; if [ -n "$2" ]; then sleep 0.2; rm -rf "$2"; fi';
  const guard = spawn('/bin/sh', ['-c', script, 'guard', String(pid), folder ?? ''], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  guard.on('error', () => undefined);
  guard.unref();
  // A pipe of a child process is a socket, which can be unreferenced; its type does not say so.
  (guard.stdin as unknown as { unref(): void }).unref();
  return guard;
}
