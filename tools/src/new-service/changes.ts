import { existsSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Files that are written together or not at all. Paths are from the root. */
export class Changes {
  readonly #root: string;
  readonly #undo: (() => void)[] = [];

  constructor(root: string) {
    this.#root = root;
  }

  /** Remembers a file as it is now, for what others do to it. */
  keep(path: string): void {
    const file = join(this.#root, path);
    const before = readFileSync(file);
    const { atime, mtime } = statSync(file);
    this.#undo.push(() => {
      writeFileSync(file, before);
      // `make` looks at the times of files: nothing has changed.
      utimesSync(file, atime, mtime);
    });
  }

  /** Writes a file, new or not, with the folders it needs. */
  write(path: string, text: string): void {
    const file = join(this.#root, path);
    if (existsSync(file)) this.keep(path);
    else this.made(this.#firstMissing(path));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  /** Says that a file or folder is new. */
  made(path: string): void {
    this.#undo.push(() => rmSync(join(this.#root, path), { recursive: true, force: true }));
  }

  /** Makes everything as it was before. */
  undo(): void {
    for (const undo of this.#undo.splice(0).toReversed()) undo();
  }

  #firstMissing(path: string): string {
    const parent = dirname(path);
    return existsSync(join(this.#root, parent)) ? path : this.#firstMissing(parent);
  }
}
