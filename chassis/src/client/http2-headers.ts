import { readFileSync } from 'node:fs';
import { encodeHeaders } from '../http2/header-writer.ts';
import { priorityHeader } from '../priority.ts';
import type { AttemptBase } from './connection.ts';
import type { MetadataPairs } from './metadata-pairs.ts';

/** What all requests to a path begin with, encoded once. */
export function encodedHeaders(scheme: 'http' | 'https', authority: string, path: string): Buffer {
  return encodeHeaders([
    ':method',
    'POST',
    ':scheme',
    scheme,
    ':authority',
    authority,
    ':path',
    path,
    'te',
    'trailers',
    'content-type',
    'application/grpc',
    'user-agent',
    userAgent,
    'grpc-accept-encoding',
    'identity,gzip',
  ]);
}

/** The headers of one request beside those, as names and values in turn. */
export function requestHeaders(attempt: AttemptBase, compresses: boolean): string[] {
  const headers: string[] = [];
  if (compresses) headers.push('grpc-encoding', 'gzip');
  if (attempt.deadlineMs !== Infinity) headers.push('grpc-timeout', grpcTimeout(attempt.deadlineMs));
  if (attempt.priority !== undefined) headers.push(priorityHeader, attempt.priority);
  addMetadata(headers, attempt.metadata);
  return headers;
}

function addMetadata(headers: string[], pairs: MetadataPairs): void {
  for (let i = 0; i < pairs.length; i += 2) {
    const name = pairs[i] ?? '';
    if (ownNames.has(name) || name.startsWith('grpc-') || name.startsWith(':')) continue;
    headers.push(name, pairs[i + 1] ?? '');
  }
}

/** TimeoutValue has at most 8 digits. Rounded down, so that it shrinks on each hop. */
function grpcTimeout(deadlineMs: number): string {
  const ms = Math.max(1, Math.floor(deadlineMs - Date.now()));
  return ms < 1e8 ? `${ms}m` : `${Math.min(99_999_999, Math.ceil(ms / 1000))}S`;
}

/** Set by this side alone; those of HTTP/1.1 connections are errors in HTTP/2 (RFC 9113, section 8.2.2). */
const ownNames = new Set([
  'te',
  'content-type',
  'content-length',
  'user-agent',
  'host',
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  priorityHeader,
]);

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const userAgent = `weft/${version}`;
