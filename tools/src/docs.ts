import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { loadContract } from '@weft/chassis/load-contract';
import { withExportTables } from './chassis-page/tables.ts';
import { root } from './paths.ts';
import { withSagaPictures } from './saga-picture.ts';

// `make docs`: what the docs show of the contracts is generated from the contracts, what they show of the
// chassis from its docstrings.
const descriptors = fileURLToPath(import.meta.resolve('@weft/proto/descriptors.binpb'));
const page = new URL('../../docs/sagas.md', import.meta.url);
const contract = loadContract(await readFile(descriptors));
await writeFile(page, withSagaPictures(await readFile(page, 'utf8'), contract));

const chassis = new URL('../../docs/chassis.md', import.meta.url);
await writeFile(chassis, withExportTables(await readFile(chassis, 'utf8'), root));
