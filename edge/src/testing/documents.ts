import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Contract } from '@weft/chassis/contract';
import { loadContract } from '@weft/chassis/load-contract';
import { openApiDocument } from '../pages/openapi.ts';
import { buildRoutes } from '../routing/routes.ts';
import { compileProtos } from './schema.ts';

const require = createRequire(import.meta.url);

/** What tests look at in a document. */
export interface Doc {
  readonly [name: string]: Doc;
}

/** The OpenAPI document of a contract, as a client reads it. */
export function documentOf(contract: Contract): Doc {
  return JSON.parse(JSON.stringify(openApiDocument(contract, buildRoutes(contract)))) as Doc;
}

/** The document of proto text. */
export function documentOfProto(files: Readonly<Record<string, string>>): Doc {
  return documentOf(loadContract(compileProtos(files)));
}

/** The shop's contract. */
export function shopContract(): Contract {
  return loadContract(readFileSync(require.resolve('@weft/proto/descriptors.binpb')));
}

/** Two services of one name, with what the library has not: testdata/odd and testdata/other. */
export function oddDocument(): Doc {
  const folder = join(dirname(fileURLToPath(import.meta.url)), '../../testdata');
  const names = ['odd/v1/odd.proto', 'other/v1/odd.proto'];
  return documentOfProto(
    Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), 'utf8')])),
  );
}

/** What is at a path of names in a document. */
export function at(doc: Doc, ...path: string[]): unknown {
  return path.reduce<Doc | undefined>((value, name) => value?.[name], doc);
}

/** Every operation of a document, with its place. */
export function operations(doc: Doc): { path: string; method: string; operation: Doc }[] {
  return Object.entries(doc['paths'] as object).flatMap(([path, item]: [string, Record<string, Doc>]) => {
    const { 'x-additional-operations': others = {}, ...standard } = item;
    return Object.entries({ ...standard, ...others }).map(([method, operation]) => ({
      path,
      method,
      operation,
    }));
  });
}

/** An operation and its place, by its id. */
export function operation(doc: Doc, id: string): { place: string; is: Doc } {
  const found = operations(doc).find(({ operation: is }) => is['operationId'] === (id as never));
  if (found === undefined) throw new Error(`there is no operation ${id}`);
  return { place: `${found.method} ${found.path}`, is: found.operation };
}

export interface Ajv {
  compile(schema: object): ((value: unknown) => boolean) & { errors?: unknown };
}

/** Another validator than the document's own: ajv for the schemas, which that one brings with it. */
export function ajv(): Ajv {
  const nested = createRequire(require.resolve('@seriousme/openapi-schema-validator'));
  const { Ajv2020 } = nested('ajv/dist/2020.js') as { Ajv2020: new (options: object) => Ajv };
  const { default: addFormats } = nested('ajv-formats') as { default: (to: Ajv) => void };
  const made = new Ajv2020({ strict: false, logger: false, ownProperties: true });
  addFormats(made);
  return made;
}
