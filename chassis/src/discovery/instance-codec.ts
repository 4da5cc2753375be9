import type { Instance } from './registry.ts';

/**
 * The value of a registration: `{address, zone, weight, version, startedAt}`. Weight 0 says that the
 * instance is going away: by its own word, not because nobody heard of it.
 */
export function encodeInstance({ address, zone, weight, version, startedAt }: Instance): string {
  return JSON.stringify({ address, zone, weight, version, startedAt });
}

/** Reads a registration's value. Throws what is wrong with it. */
export function decodeInstance(id: string, text: string): Instance {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) throw new Error('is no object');
  const { address, zone = '', weight = 1, version = '', startedAt = '' } = value as Record<string, unknown>;
  if (!isAddress(address)) throw new Error('has no address of the form host:port');
  if (typeof weight !== 'number' || !(weight >= 0 && weight <= 1000)) throw new Error('has a bad weight');
  if (typeof zone !== 'string' || typeof version !== 'string' || typeof startedAt !== 'string')
    throw new Error('has a zone, version or startedAt that is no text');
  return { id, address, zone, weight, version, startedAt };
}

/** `host:port`, the host a name, an IPv4 address or an IPv6 address in brackets. */
export function isAddress(value: unknown): value is string {
  if (typeof value !== 'string') return false;
  const port = /^(?:[\w.-]+|\[[0-9a-fA-F:.]+\]):(\d{1,5})$/.exec(value)?.[1];
  return port !== undefined && Number(port) > 0 && Number(port) < 65_536;
}
