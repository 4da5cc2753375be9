import { createFileRegistry, createRegistry, fromBinary, hasOption, type Registry } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import type { Contract, MethodRule } from '@weft/chassis/contract';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { JsonPrinter } from './codec/message-to-json.ts';
import type { Limits } from './limits.ts';
import { createPages, type Pages } from './pages/pages.ts';
import { ErrorPrinter } from './rest/error-body.ts';
import { buildRoutes, type Routes } from './routing/routes.ts';

/** All that follows from one contract. Built once, and replaced whole when the contract changes. */
export interface Schema {
  readonly contract: Contract;
  /** REST. */
  readonly routes: Routes;
  /** The methods that Connect, gRPC-Web and gRPC may call, by path. */
  readonly rpcs: ReadonlyMap<string, MethodRule>;
  /** Every client may call every method: there is no rule, and nobody who could say who a user is. */
  readonly open: boolean;
  readonly printer: JsonPrinter;
  readonly errors: ErrorPrinter;
  /** `/openapi.json` and `/docs`, but for those that a rule of the contract takes. */
  readonly pages: Pages;
}

export interface SchemaOptions {
  /** Whether there are pages at all. */
  readonly pages: boolean;
  readonly emitDefaults: boolean;
  readonly limits: Limits;
  /** Whether users can be told apart, by their tokens. */
  readonly knowsUsers: boolean;
}

/**
 * Works out what a contract means at the edge. A contract without any `weft.v1` rule, where users cannot be
 * told apart either, is open: it is served as it is. Any other one denies what it does not allow.
 *
 * Throws a RouteError for routes that cannot be served as written.
 */
export function buildSchema(contract: Contract, options: SchemaOptions): Schema {
  const open = !options.knowsUsers && !hasRules(contract);
  const served = open ? opened(contract) : contract;
  const routes = buildRoutes(served);
  return {
    contract: served,
    routes,
    rpcs: new Map([...served.methods].filter(([, method]) => isForClients(method))),
    open,
    printer: new JsonPrinter({
      registry: contract.registry,
      emitDefaults: options.emitDefaults,
      maxLength: options.limits.responseBytes,
      // A JSON level of a Struct is up to three levels of messages.
      maxDepth: options.limits.jsonDepth * 3,
    }),
    errors: new ErrorPrinter(withDetailTypes(contract)),
    pages: options.pages ? pagesOf(served, routes) : () => undefined,
  };
}

function pagesOf(contract: Contract, routes: Routes): Pages {
  const pages = createPages(contract, routes);
  const taken = new Set(routes.list.map(({ rule }) => rule.template.text));
  return (path) => (taken.has(path) ? undefined : pages(path));
}

function isForClients({ access }: MethodRule): boolean {
  return access.kind !== 'denied' && access.kind !== 'services';
}

/** Whether a method or a service has any option of `weft.v1`. */
function hasRules({ registry, services }: Contract): boolean {
  for (const extension of registry) {
    if (extension.kind !== 'extension' || !extension.typeName.startsWith('weft.v1.')) continue;
    for (const service of services.values())
      if (hasOption(service, extension) || service.methods.some((method) => hasOption(method, extension)))
        return true;
  }
  return false;
}

function opened(contract: Contract): Contract {
  const methods = new Map(
    [...contract.methods].map(([path, rule]) => [path, { ...rule, access: { kind: 'public' as const } }]),
  );
  return { ...contract, methods };
}

/** Where the types of details are: an upstream may send those of google.rpc though its contract lacks them. */
function withDetailTypes({ registry }: Contract): Registry {
  if (registry.getMessage('google.rpc.BadRequest') !== undefined) return registry;
  const file = createRequire(import.meta.url).resolve('@weft/proto/descriptors.binpb');
  return createRegistry(
    registry,
    createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(file))),
  );
}
