import { readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../logger.ts';
import { decodeInstance } from './instance-codec.ts';
import type { Instance } from './registry.ts';

const fileName = 'discovery.json';
const writeAfterMs = 500;

/** The instances that the process before knew, for a start while the registry is away. None if unreadable. */
export function readSnapshot(folder: string, logger: Logger): [service: string, instance: Instance][] {
  try {
    const content = JSON.parse(readFileSync(join(folder, fileName), 'utf8')) as Record<string, Instance[]>;
    return Object.entries(content).flatMap(([service, instances]) =>
      instances.map((one): [string, Instance] => [service, decodeInstance(one.id, JSON.stringify(one))]),
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      logger.warn({ err: error, folder }, 'the snapshot of discovery cannot be read');
    return [];
  }
}

/** Writes the last known instances to disk, a little later and all or nothing. Failures are logged only. */
export class SnapshotWriter {
  readonly #folder: string;
  readonly #logger: Logger;
  #content: object | undefined;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(folder: string, logger: Logger) {
    this.#folder = folder;
    this.#logger = logger;
  }

  write(content: object): void {
    this.#content = content;
    this.#timer ??= setTimeout(() => this.#flush(), writeAfterMs).unref();
  }

  async close(): Promise<void> {
    if (this.#timer !== undefined) this.#flush();
    await this.#writing;
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const text = JSON.stringify(this.#content);
    this.#writing = this.#writing.then(() => this.#save(text));
  }

  async #save(text: string): Promise<void> {
    const file = join(this.#folder, fileName);
    const draft = `${file}.${process.pid}`;
    try {
      await mkdir(this.#folder, { recursive: true });
      await writeFile(draft, text);
      await rename(draft, file);
    } catch (error) {
      this.#logger.warn({ err: error, file }, 'the snapshot of discovery cannot be written');
    }
  }
}
