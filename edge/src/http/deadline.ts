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

/** Each header in which clients say how long they wait: its grammar, and its unit where the value names none. */
const headerForms: readonly (readonly [header: string, name: string, form: RegExp, unit: string])[] = [
  // Seconds, with a fraction.
  ['x-server-timeout', 'X-Server-Timeout', /^(\d{1,9}(?:\.\d{1,9})?)$/, 'S'],
  // gRPC over HTTP/2: up to eight digits and a unit.
  ['grpc-timeout', 'grpc-timeout', /^(\d{1,8})([HMSmun])$/, ''],
  // Connect's protocol: up to ten digits.
  ['connect-timeout-ms', 'Connect-Timeout-Ms', /^(\d{1,10})$/, 'm'],
];

/**
 * How long the client waits, milliseconds: the shortest of `X-Server-Timeout`, `grpc-timeout` and
 * `Connect-Timeout-Ms`; undefined when it sent none. Throws an HttpFault for a malformed one.
 */
export function clientTimeoutMs(headers: IncomingHttpHeaders): number | undefined {
  let shortest: number | undefined;
  for (const [header, name, form, unit] of headerForms) {
    const text = headers[header];
    if (text === undefined) continue;
    const timeoutMs = parse(name, String(text), form, unit);
    shortest = Math.min(shortest ?? Infinity, timeoutMs);
  }
  return shortest;
}

function parse(name: string, text: string, form: RegExp, defaultUnit: string): number {
  const match = form.exec(text);
  const unit = unitsMs[match?.[2] ?? defaultUnit];
  if (match === null || unit === undefined)
    throw new HttpFault(400, 'INVALID_ARGUMENT', 'INVALID_HEADER', `${name} is not a timeout`);
  return Number(match[1]) * unit;
}
