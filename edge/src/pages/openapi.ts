import type { Contract } from '@weft/chassis/contract';
import type { Route, Routes } from '../routing/routes.ts';
import { commentOf } from './comments.ts';
import { errorResponse, errorSchemas } from './error-schemas.ts';
import { bearer, operation } from './operation.ts';
import { PathNamer } from './paths.ts';
import type { Schema } from './scalar-schema.ts';
import { Schemas } from './schemas.ts';

/** The methods that a path of OpenAPI 3.1 can have. */
const standardMethods = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace']);

/**
 * The OpenAPI 3.1.1 document of a contract's routes, in the order of its descriptors: one operation a
 * route, schemas in their ProtoJSON form under the full names of their types. The same input gives the same
 * document.
 *
 * Where OpenAPI 3.1 has no word: methods such as `REPORT` stand under `x-additional-operations` of their
 * path (3.2 knows `additionalOperations`), and so does `*`, unless the path's GET or POST is free; a second
 * operation of one method on one path has the path with a fragment, `/v1/{name}#Library_GetFile`.
 */
export function openApiDocument(contract: Contract, routes: Routes): Schema {
  const schemas = new Schemas(contract.registry);
  const namer = new PathNamer();
  const operationId = operationIds(routes.list);
  const items = new Map<string, PathItem>();
  for (const route of routes.list) {
    const path = namer.path(route.rule);
    const id = operationId(route);
    const slots = slotsFor(route);
    const slot = slots.find((wanted) => items.get(path.key)?.has(wanted) !== true);
    const key = slot === undefined ? `${path.key}#${id}` : path.key;
    const item = items.get(key) ?? new Map<string, Schema>();
    items.set(key, item.set(slot ?? slots[0], operation(route, path, id, schemas)));
  }
  const secured = routes.list.some(({ method: { access } }) => ['user', 'roles'].includes(access.kind));
  const services = [...new Set(routes.list.map(({ method }) => method.descriptor.parent))];
  return {
    openapi: '3.1.1',
    info: {
      title: services.length > 3 ? 'API' : services.map(({ name }) => name).join(', ') || 'API',
      version: /(?<=\.)v\d\w*$/.exec(services[0]?.file.proto.package ?? '')?.[0] ?? '1',
    },
    // Beside the document, whatever prefix both are below; OpenAPI's own default is the root.
    servers: [{ url: '.' }],
    tags: services.map((service) => {
      const description = commentOf(service);
      return { name: service.typeName, ...(description !== '' && { description }) };
    }),
    paths: Object.fromEntries([...items].map(([key, item]) => [key, itemJson(item)])),
    components: {
      schemas: Object.fromEntries([...schemas.all(), ...errorSchemas]),
      responses: { failure: errorResponse },
      ...(secured && { securitySchemes: { [bearer]: { type: 'http', scheme: 'bearer' } } }),
    },
  };
}

/** Operations by method, in lower case, or by the names that `x-additional-operations` has. */
type PathItem = Map<string, Schema>;

function itemJson(item: PathItem): Schema {
  const others = [...item].filter(([slot]) => !standardMethods.has(slot));
  return {
    ...Object.fromEntries([...item].filter(([slot]) => standardMethods.has(slot))),
    ...(others.length > 0 && { 'x-additional-operations': Object.fromEntries(others) }),
  };
}

/** Where an operation can stand in the item of its path, best first. */
function slotsFor({ rule: { httpMethod, body } }: Route): readonly [string, ...string[]] {
  if (httpMethod === '*') return [body.kind === 'none' ? 'get' : 'post', '*'];
  const lower = httpMethod.toLowerCase();
  // Methods are case-sensitive: `get` as a custom kind is not GET.
  return [standardMethods.has(lower) && lower.toUpperCase() === httpMethod ? lower : httpMethod];
}

/** `Library_GetBook`, with the package where two services have one name; further bindings count on: `…2`. */
function operationIds(routes: readonly Route[]): (route: Route) => string {
  const services = new Map<string, Set<string>>();
  for (const { method } of routes) {
    const { name, typeName } = method.descriptor.parent;
    services.set(name, (services.get(name) ?? new Set()).add(typeName));
  }
  const taken = new Set<string>();
  return ({ method: { descriptor } }) => {
    const { name, typeName } = descriptor.parent;
    const service = (services.get(name)?.size ?? 0) > 1 ? typeName.replaceAll('.', '_') : name;
    const base = `${service}_${descriptor.name}`;
    let id = base;
    for (let n = 2; taken.has(id); n++) id = `${base}${n}`;
    taken.add(id);
    return id;
  };
}
