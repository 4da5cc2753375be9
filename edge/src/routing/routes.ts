import type { Contract, MethodRule } from '@weft/chassis/contract';
import { httpRules, placeOf, type HttpRule } from './http-rules.ts';
import { RouteConflict, RouteTable } from './route-table.ts';

/** One REST route: a binding of a method. */
export interface Route {
  readonly rule: HttpRule;
  readonly method: MethodRule;
}

/** Routes that cannot be served as they are written: every fault at once. */
export class RouteError extends Error {
  override readonly name = 'RouteError';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`the routes have ${faults.length} fault(s):\n${faults.map((f) => `  ${f}`).join('\n')}`);
    this.faults = faults;
  }
}

export interface Routes {
  readonly table: RouteTable<Route>;
  /** All routes, in the order of the descriptors. */
  readonly list: readonly Route[];
  /** Methods that have a REST binding but are not served, each with the reason. */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
}

/**
 * The REST routes of a contract. A method without an access rule, or one for services alone, gets
 * none. Throws a RouteError for bad templates and for two methods that claim the same requests.
 */
export function buildRoutes(contract: Contract): Routes {
  const table = new RouteTable<Route>();
  const list: Route[] = [];
  const skipped: { path: string; reason: string }[] = [];
  const faults: string[] = [];
  for (const method of contract.methods.values()) {
    const rules = httpRules(contract.registry, method.descriptor, faults);
    const reason = rules.length === 0 ? undefined : unservable(method);
    if (reason !== undefined) {
      skipped.push({ path: method.path, reason });
      continue;
    }
    for (const rule of rules) {
      const route = { rule, method };
      try {
        table.add(rule.httpMethod, rule.template, route);
        list.push(route);
      } catch (error) {
        if (!(error instanceof RouteConflict)) throw error;
        faults.push(conflict(route, error.existing as Route));
      }
    }
  }
  if (faults.length > 0) throw new RouteError(faults);
  return { table, list, skipped };
}

/** One line for people: `GET /v1/products/{id} shop.catalog.v1.ProductService/GetProduct`. */
export function describeRoute({ rule, method }: Route): string {
  return `${rule.httpMethod} ${rule.template.text} ${method.path.slice(1)}`;
}

/** Of the two the one that comes later is at fault, its template as a whole. */
function conflict(route: Route, existing: Route): string {
  const place = placeOf(route.method.descriptor, route.rule.template.text);
  const other = existing.method.descriptor.parent.file.name;
  return `${place}: ${describeRoute(route)} matches the same requests as ${describeRoute(existing)} in ${other}.proto`;
}

function unservable(method: MethodRule): string | undefined {
  if (method.access.kind === 'denied') return 'the contract lets nobody call it';
  if (method.access.kind === 'services') return 'it is for services alone';
  return undefined;
}
