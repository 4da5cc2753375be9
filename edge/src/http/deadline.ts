import type { IncomingHttpHeaders } from 'node:http';
import { HttpFault } from './faults.ts';

const unitsMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
};

/**
 * How long the client waits, milliseconds: the shorter of `X-Server-Timeout` (seconds, with a
 * fraction) and `grpc-timeout` (gRPC over HTTP/2: up to eight digits and a unit); undefined when it
 * says neither. The contract's own limit is applied by the mesh. Throws an HttpFault for a malformed one.
 */
export function clientTimeoutMs(headers: IncomingHttpHeaders): number | undefined {
  const server = headers['x-server-timeout'];
  const grpc = headers['grpc-timeout'];
  if (server === undefined && grpc === undefined) return undefined;
  return Math.min(
    server === undefined
      ? Infinity
      : parse('X-Server-Timeout', String(server), /^(\d{1,9}(?:\.\d{1,9})?)$/, 'S'),
    grpc === undefined ? Infinity : parse('grpc-timeout', String(grpc), /^(\d{1,8})([HMSmun])$/),
  );
}

function parse(name: string, text: string, pattern: RegExp, defaultUnit = ''): number {
  const match = pattern.exec(text);
  const unit = unitsMs[match?.[2] ?? defaultUnit];
  if (match === null || unit === undefined)
    throw new HttpFault(400, 'INVALID_ARGUMENT', 'INVALID_HEADER', `${name} is not a timeout`);
  return Number(match[1]) * unit;
}
