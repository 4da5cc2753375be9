import { join, resolve } from 'node:path';

/** The root of the repository. */
export const root = resolve(import.meta.dirname, '../..');

/** Where everything that `make up` makes is kept. */
export const weftFolder = join(root, '.weft');
