import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { loadContract } from '@weft/chassis/load-contract';
import { withSagaPictures } from './saga-picture.ts';

// `make docs`: what the docs show of the contracts is generated from the contracts.
const descriptors = fileURLToPath(import.meta.resolve('@weft/proto/descriptors.binpb'));
const page = new URL('../../docs/sagas.md', import.meta.url);
const contract = loadContract(await readFile(descriptors));
await writeFile(page, withSagaPictures(await readFile(page, 'utf8'), contract));
