import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { ServerProcess } from '@weft/chassis/testing/server-process';
import { endProcess } from './end-process.ts';
import { processIdentity } from './process-identity.ts';
import { isAlive, Records, type ProcessRecord } from './records.ts';
import { waitFor } from './wait-for.ts';

/** A service drains within 25 s. */
const endTimeoutMs = 30_000;

/** A process to start. */
export interface ProcessSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly ports: readonly number[];
  readonly fingerprint: string;
}

/** Starts and ends the processes of one system, and keeps them on record. */
export class Processes {
  readonly records: Records;
  readonly #folder: string;
  readonly #detached: boolean;
  readonly #started = new Set<string>();
  #closed = false;

  /** @param options.detached Whether they outlive this process. If not, the folder goes with it too. */
  constructor(options: { readonly folder: string; readonly detached: boolean }) {
    this.#folder = options.folder;
    this.#detached = options.detached;
    this.records = new Records(options.folder);
  }

  /** The record of a process that runs as it should, so that there is no need to start it. */
  running(name: string, fingerprint: string): ProcessRecord | undefined {
    const record = this.records.get(name);
    return record?.fingerprint === fingerprint && isAlive(record) ? record : undefined;
  }

  /** The ports that processes on record listen on. */
  ports(): readonly number[] {
    return this.records
      .all()
      .filter((record) => record.container !== undefined || isAlive(record))
      .flatMap(({ ports }) => ports);
  }

  /** Starts a process in place of an earlier one of its name, which is ended first. */
  async start(spec: ProcessSpec): Promise<ServerProcess> {
    await this.end(spec.name);
    if (this.#closed) throw new Error(`${spec.name} is not started any more`);
    const logFile = this.logFile(spec.name);
    const lifetime = this.#detached ? { detached: true } : { detached: false, temporaryFolder: this.#folder };
    const server = new ServerProcess({ ...spec, logFile, ...lifetime });
    this.record({
      name: spec.name,
      pid: server.pid,
      fingerprint: spec.fingerprint,
      logFile,
      ports: spec.ports,
    });
    return server;
  }

  /** Puts a process on record that was started otherwise; it belongs to this system from now on. */
  record(process: Omit<ProcessRecord, 'identity'>): void {
    const identity = process.container === undefined ? processIdentity(process.pid) : 'container';
    // One that has ended already is found out by whoever waits for it.
    if (identity === undefined) return;
    this.#started.add(process.name);
    this.records.put({ ...process, identity });
    // Too late: everything is being ended, and this is part of it.
    if (this.#closed) void this.end(process.name);
  }

  /** Ends a process and forgets it; nothing happens if it is not on record. */
  async end(name: string): Promise<void> {
    const record = this.records.get(name);
    if (record === undefined) return;
    await endProcess(record);
    this.records.remove(name);
    this.#started.delete(name);
  }

  /** Sends a signal to a process; resolves when it is gone, if the signal is one that ends it. */
  async kill(name: string, signal: NodeJS.Signals): Promise<void> {
    const record = this.records.get(name);
    if (record === undefined || !isAlive(record)) throw new Error(`${name} does not run`);
    process.kill(record.pid, signal);
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') return;
    if (!(await waitFor(() => !isAlive(record), endTimeoutMs, 10)))
      throw new Error(`${name} did not end of ${signal}`);
  }

  /** Ends what this object has started, for good: a failed start leaves nothing behind. */
  async endStarted(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#started].map((name) => this.end(name)));
  }

  /** A fresh file for a process's output; the one before is kept beside it. */
  logFile(name: string): string {
    mkdirSync(join(this.#folder, 'log'), { recursive: true, mode: 0o700 });
    const file = join(this.#folder, 'log', `${name}.log`);
    if (existsSync(file)) renameSync(file, `${file}.1`);
    return file;
  }
}
