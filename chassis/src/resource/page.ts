import { createHash } from 'node:crypto';
import { invalidArgument } from '../errors.ts';

const checksumBytes = 12;

/** How many a list serves; the default of both is 50 of at most 1000. */
export interface PageRule {
  /** Served when the caller asks for 0. */
  readonly default: number;
  /** More is served as this. */
  readonly max: number;
}

/** How many to serve for a `page_size` (AIP-158). INVALID_ARGUMENT when it is negative. */
export function pageSize(requested: number, rule: PageRule = { default: 50, max: 1000 }): number {
  if (requested < 0) throw invalidArgument({ field: 'page_size', description: 'must not be negative' });
  return requested === 0 ? rule.default : Math.min(requested, rule.max);
}

/**
 * An opaque `page_token` (AIP-158): where the next page begins, bound to `scope`, which is everything of the
 * request that must stay the same from page to page. Its checksum finds alterations and mix-ups; it is no
 * secret, so a cursor may only say where to go on in what the caller may see anyway.
 */
export function encodePageToken(cursor: string, scope: readonly string[]): string {
  return Buffer.concat([checksum(cursor, scope), Buffer.from(cursor, 'utf8')]).toString('base64url');
}

/**
 * The cursor of a `page_token`, undefined for the first page. INVALID_ARGUMENT on `page_token` when it was
 * altered, or made for another scope.
 */
export function decodePageToken(token: string, scope: readonly string[]): string | undefined {
  if (token === '') return undefined;
  const bytes = Buffer.from(token, 'base64url');
  const cursor = bytes.subarray(checksumBytes).toString('utf8');
  // Encoded again, since Buffer reads base64 leniently.
  if (encodePageToken(cursor, scope) !== token)
    throw invalidArgument({ field: 'page_token', description: 'is no token of this list and query' });
  return cursor;
}

function checksum(cursor: string, scope: readonly string[]): Buffer {
  const hash = createHash('sha256').update(JSON.stringify([cursor, ...scope]));
  return hash.digest().subarray(0, checksumBytes);
}
