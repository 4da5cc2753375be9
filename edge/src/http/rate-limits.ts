import type { IncomingMessage } from 'node:http';
import { metrics } from '@opentelemetry/api';
import { ServiceError } from '@weft/chassis/errors';
import { QuotaFailure, RetryInfo } from '@weft/proto/google/rpc/error_details';
import type { Target } from '../protocol.ts';
import type { Route } from '../routing/routes.ts';
import type { Schema } from '../schema.ts';
import type { Exchange } from './exchange.ts';
import { networkOf } from './network.ts';
import { Quota } from './quota.ts';
import { parseRate, parseRouteRate, type Rate } from './rate.ts';

/** Rates (`100/s`): where several are given, each of them holds. None by default. */
export interface RateLimitOptions {
  /** Of all requests of one client address, IPv6 by its /64. */
  readonly addressRates?: readonly string[];
  /** Of the calls of one user, to methods that need one. */
  readonly userRates?: readonly string[];
  /**
   * Of one caller's calls to one route or RPC (`POST /v1/sessions=5/min`): its user's, else its address's. What
   * holds for a route holds for its RPC by the other protocols too: they are no way round it.
   */
  readonly routeRates?: readonly string[];
}

/**
 * Limits of how often clients may ask, counted in this process alone: behind n edges a client gets up to n
 * times as much. Both functions put `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10)
 * into the headers of the answer, and throw RESOURCE_EXHAUSTED (RATE_LIMITED) with QuotaFailure and RetryInfo.
 */
export interface RateLimits {
  /** Before anything is done for a request. */
  ofAddress(exchange: Exchange): Promise<void>;
  /** Once its method and its user are known. */
  ofCall(exchange: Exchange, target: Target, userId: string | undefined): Promise<void>;
  /** Names of routes and RPCs with a rate that a schema does not have: misspelt, or not known yet. */
  withoutTarget(schema: Schema): readonly string[];
}

/** Undefined when there are no limits. `address`: that of the client. Throws what is wrong with a rate. */
export function createRateLimits(
  { addressRates = [], userRates = [], routeRates = [] }: RateLimitOptions,
  address: (request: IncomingMessage) => string,
): RateLimits | undefined {
  if (addressRates.length + userRates.length + routeRates.length === 0) return undefined;
  const refusals = metrics.getMeter('@weft/edge').createCounter('weft.edge.rate_limited', {
    description: 'Requests refused because their client asks too often, by the kind of limit.',
    unit: '{request}',
  });
  // There from the start: the first refusal is a change that a rate sees.
  for (const kind of ['address', 'user', 'route']) refusals.add(0, { 'weft.limit': kind });
  const addresses = new Limit('address', addressRates.map(parseRate));
  const users = new Limit('user', userRates.map(parseRate));
  const routes = routeLimits(routeRates);
  const client = (exchange: Exchange): string => networkOf(address(exchange.request));

  async function take(exchange: Exchange, limit: Limit, key: string): Promise<void> {
    for (const { quota, name, policy } of limit.quotas) {
      const { refused, remaining, resetMs } = await quota.take(key);
      append(exchange.headers, 'ratelimit-policy', policy);
      append(exchange.headers, 'ratelimit', `"${name}";r=${remaining};t=${Math.ceil(resetMs / 1000)}`);
      if (!refused) continue;
      refusals.add(1, { 'weft.limit': limit.kind });
      throw rateLimited(limit.kind, quota.rate, resetMs);
    }
  }

  return {
    ofAddress: (exchange) => take(exchange, addresses, client(exchange)),
    async ofCall(exchange, { method, label }, userId) {
      if (userId !== undefined) await take(exchange, users, userId);
      if (routes.size === 0) return;
      const verb = exchange.bodiless ? 'GET' : exchange.request.method;
      const named =
        label === method.path
          ? (routesByRpc(exchange.schema).get(label) ?? [])
          : [`${verb} ${label}`, `* ${label}`];
      for (const name of [method.path.slice(1), ...named]) {
        const limit = routes.get(name);
        // A space, so that nobody's id can be an address.
        if (limit !== undefined)
          await take(exchange, limit, userId === undefined ? client(exchange) : `user ${userId}`);
      }
    },
    withoutTarget({ routes: { list }, rpcs }) {
      const known = new Set(list.map(nameOf));
      return [...routes.keys()].filter((name) => !known.has(name) && !rpcs.has(`/${name}`));
    },
  };
}

/** The quotas of one kind, the shortest window first: what it refuses costs nothing of the longer ones. */
class Limit {
  readonly kind: string;
  readonly quotas: readonly { readonly quota: Quota; readonly name: string; readonly policy: string }[];

  constructor(kind: string, rates: readonly Rate[]) {
    this.kind = kind;
    this.quotas = [...rates]
      .sort((a, b) => a.seconds - b.seconds)
      .map((rate) => {
        const name = rates.length === 1 ? kind : `${kind}-${rate.unit}`;
        return { quota: new Quota(rate), name, policy: `"${name}";q=${rate.requests};w=${rate.seconds}` };
      });
  }
}

function routeLimits(texts: readonly string[]): ReadonlyMap<string, Limit> {
  const rates = Map.groupBy(texts.map(parseRouteRate), ({ route }) => route);
  return new Map(
    [...rates].map(([route, list]) => [
      route,
      new Limit(
        'route',
        list.map(({ rate }) => rate),
      ),
    ]),
  );
}

const routesOf = new WeakMap<Schema, ReadonlyMap<string, readonly string[]>>();

/** The names of each RPC's routes, by its path. */
function routesByRpc(schema: Schema): ReadonlyMap<string, readonly string[]> {
  let names = routesOf.get(schema);
  if (names === undefined) {
    const routes = Map.groupBy(schema.routes.list, ({ method }) => method.path);
    names = new Map([...routes].map(([path, list]) => [path, list.map(nameOf)]));
    routesOf.set(schema, names);
  }
  return names;
}

function nameOf({ rule }: Route): string {
  return `${rule.httpMethod} ${rule.template.text}`;
}

function append(headers: Record<string, string | string[]>, name: string, value: string): void {
  const before = headers[name];
  headers[name] = before === undefined ? value : `${String(before)}, ${value}`;
}

function rateLimited(kind: string, { requests, unit }: Rate, resetMs: number): ServiceError {
  const description = `at most ${requests}/${unit} per ${kind}`;
  const violation = QuotaFailure.fromPartial({ violations: [{ subject: kind, description }] });
  const seconds = Math.ceil(resetMs / 1000);
  const delay = RetryInfo.fromPartial({ retryDelay: { seconds: BigInt(seconds), nanos: 0 } });
  return new ServiceError('RESOURCE_EXHAUSTED', 'RATE_LIMITED', `too many requests: ${description}`, {
    retryAfterMs: seconds * 1000,
    details: [
      { type: 'google.rpc.QuotaFailure', value: QuotaFailure.encode(violation).finish() },
      { type: 'google.rpc.RetryInfo', value: RetryInfo.encode(delay).finish() },
    ],
  });
}
