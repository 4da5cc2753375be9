import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { processIdentity } from './process-identity.ts';

/** A process that was started and may outlive who started it. */
export interface ProcessRecord {
  readonly name: string;
  readonly pid: number;
  /** See processIdentity: a pid alone may be another process by now. */
  readonly identity: string;
  /** The container that it stands for, if Docker runs it. */
  readonly container?: string;
  /** What it was started with: another fingerprint means that it must be started again. */
  readonly fingerprint: string;
  readonly logFile: string;
  /** Every port it listens on. */
  readonly ports: readonly number[];
  /** What others need to know to use it, for instance its URL. */
  readonly url?: string;
}

/** The processes of a system, kept in a file that only its owner can read. */
export class Records {
  readonly #file: string;

  constructor(folder: string) {
    this.#file = join(folder, 'processes.json');
  }

  all(): readonly ProcessRecord[] {
    try {
      return JSON.parse(readFileSync(this.#file, 'utf8')) as ProcessRecord[];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  get(name: string): ProcessRecord | undefined {
    return this.all().find((record) => record.name === name);
  }

  /** Synchronous: a process is on record before anything else can happen. */
  put(record: ProcessRecord): void {
    this.#write([...this.all().filter(({ name }) => name !== record.name), record]);
  }

  remove(name: string): void {
    this.#write(this.all().filter((record) => record.name !== name));
  }

  #write(records: readonly ProcessRecord[]): void {
    mkdirSync(dirname(this.#file), { recursive: true, mode: 0o700 });
    const next = `${this.#file}.next`;
    writeFileSync(next, `${JSON.stringify(records, null, 2)}\n`, { mode: 0o600 });
    renameSync(next, this.#file);
  }
}

/** Whether the process on record is still that process. */
export function isAlive(record: Pick<ProcessRecord, 'pid' | 'identity'>): boolean {
  return processIdentity(record.pid) === record.identity;
}
