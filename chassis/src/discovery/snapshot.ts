import { readFileSync, statSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../logger.ts';
import { decodeInstance } from './instance-codec.ts';
import type { Instance } from './registry.ts';

const fileName = 'discovery.json';
const format = 1;
const writeAfterMs = 500;
/** About 100,000 instances: more is no snapshot of ours. */
const mostBytes = 16 * 1024 * 1024;

/** The instances of all services, as a process before this one last knew them. */
export interface Snapshot {
  /** Epoch milliseconds. */
  readonly savedAt: number;
  readonly instances: readonly (readonly [service: string, instance: Instance])[];
}

interface Content {
  readonly format: unknown;
  readonly source: unknown;
  readonly savedAt: string;
  readonly services: Record<string, readonly { readonly id: string }[]>;
}

/**
 * Reads the snapshot that a process before this one kept of `source`, for a start while that is away.
 * Undefined where there is none; one that is broken, too big or of another source is logged and ignored.
 */
export function readSnapshot(folder: string, source: string, logger: Logger): Snapshot | undefined {
  const file = join(folder, fileName);
  try {
    if (statSync(file).size > mostBytes) throw new Error('is too big');
    const content = JSON.parse(readFileSync(file, 'utf8')) as Content | null;
    if (content?.format !== format) throw new Error('has another format');
    if (content.source !== source) throw new Error('is of another registry');
    const savedAt = Date.parse(content.savedAt);
    if (Number.isNaN(savedAt)) throw new Error('has no time');
    const instances = Object.entries(content.services).flatMap(([service, listed]) =>
      listed.map((one) => [service, decodeInstance(String(one.id), JSON.stringify(one))] as const),
    );
    return { savedAt, instances };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      logger.warn({ err: error, file }, 'the snapshot of discovery is ignored');
    return undefined;
  }
}

/**
 * Writes the last known instances to disk, a little later and all or nothing: a reader finds the old file
 * or the new one, also after a crash. Failures are logged, the same one once.
 */
export class SnapshotWriter {
  readonly #folder: string;
  readonly #source: string;
  readonly #logger: Logger;
  #services: (() => object) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #fault = '';

  constructor(folder: string, source: string, logger: Logger) {
    this.#folder = folder;
    this.#source = source;
    this.#logger = logger;
  }

  /** `services` is asked when it is written: the instances by service. */
  write(services: () => object): void {
    this.#services = services;
    this.#timer ??= setTimeout(() => this.#flush(), writeAfterMs).unref();
  }

  async close(): Promise<void> {
    if (this.#timer !== undefined) this.#flush();
    await this.#writing;
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const savedAt = new Date().toISOString();
    const text = JSON.stringify({ format, source: this.#source, savedAt, services: this.#services?.() });
    this.#writing = this.#writing.then(() => this.#save(text));
  }

  async #save(text: string): Promise<void> {
    const file = join(this.#folder, fileName);
    const draft = `${file}.${process.pid}`;
    try {
      if (text.length > mostBytes) throw new Error('the snapshot would be too big');
      await mkdir(this.#folder, { recursive: true });
      await writeFile(draft, text, { flush: true });
      await rename(draft, file);
      this.#fault = '';
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.#fault)
        this.#logger.warn({ err: error, file }, 'the snapshot of discovery cannot be written');
      this.#fault = message;
      await rm(draft, { force: true }).catch(() => undefined);
    }
  }
}
