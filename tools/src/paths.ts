import { resolve } from 'node:path';

/** The root of the repository. */
export const root = resolve(import.meta.dirname, '../..');

/** Where everything that `make up` makes is kept: `.weft`, or what WEFT_FOLDER says. */
export const weftFolder = resolve(root, process.env['WEFT_FOLDER'] ?? '.weft');
