import { Metadata } from '@grpc/grpc-js';
import { Code, codeName, ServiceError, type CodeName } from '../errors.ts';
import { errorCodes } from '../http2/frames.ts';
import type { Headers } from '../http2/header-block.ts';
import { fromStatus } from '../rpc-status.ts';
import { connectionLost, notSent, streamRefused } from './retry.ts';

/**
 * Header or trailer block as metadata, without what HTTP/2 and gRPC themselves send in it. What no metadata may
 * hold is left out without a word: an instance could fill a log with it.
 */
export function toMetadata(headers: Headers): Metadata {
  const metadata = new Metadata();
  const isStatus = headers['grpc-status'] !== undefined;
  for (const name in headers) {
    if (!/^[0-9a-z_.-]+$/.test(name)) continue;
    if (isStatus && (name === 'grpc-status' || name === 'grpc-message')) continue;
    const values = headers[name] ?? [];
    for (const value of typeof values === 'string' ? [values] : values) addValue(metadata, name, value);
  }
  return metadata;
}

function addValue(metadata: Metadata, name: string, value: string): void {
  if (!name.endsWith('-bin')) {
    if (/^[ -~]*$/.test(value)) metadata.add(name, value);
    return;
  }
  // Binary values may be joined on the way (gRPC over HTTP2, Custom-Metadata).
  for (const part of value.split(',')) metadata.add(name, Buffer.from(part, 'base64'));
}

/** The failure that a trailer block tells of, undefined for OK. `headers`: what came before it, if anything did. */
export function statusError(trailers: Headers, headers?: Headers): ServiceError | undefined {
  const text = trailers['grpc-status'];
  if (text === '0') return undefined;
  const code = typeof text === 'string' && /^\d+$/.test(text) ? Number(text) : Code.UNKNOWN;
  if (code === 0) return undefined;
  const sent = trailers['grpc-message'];
  const details = typeof sent === 'string' ? percentDecoded(sent) : '';
  const sentBefore = headers === undefined ? undefined : toMetadata(headers);
  return fromStatus({ code, details, metadata: toMetadata(trailers) }, codeName(code), sentBefore);
}

/** What is wrong with an answer that begins so; undefined for gRPC. */
export function notGrpc(headers: Headers): ServiceError | undefined {
  const status = Number(headers[':status']);
  const type = String(headers['content-type'] ?? 'no content type');
  if (status === 200 && isGrpc(type)) return undefined;
  return new ServiceError(
    httpCodes.get(status) ?? 'UNKNOWN',
    `HTTP_${status}`,
    `the answer is HTTP ${status} with ${type.slice(0, 100)}, not gRPC`,
  );
}

function isGrpc(type: string): boolean {
  return /^application\/grpc(?:$|[+; ])/i.test(type);
}

/** github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md */
const httpCodes = new Map<number, CodeName>([
  [400, 'INTERNAL'],
  [401, 'UNAUTHENTICATED'],
  [403, 'PERMISSION_DENIED'],
  [404, 'UNIMPLEMENTED'],
  [429, 'UNAVAILABLE'],
  [502, 'UNAVAILABLE'],
  [503, 'UNAVAILABLE'],
  [504, 'UNAVAILABLE'],
]);

/**
 * The failure of a stream that the instance reset (gRPC over HTTP2, Errors), or this side for `cause`. One that
 * ended without a status was lost on the way.
 */
export function resetError(rstCode: number, cause?: Error): ServiceError {
  if (rstCode === errorCodes.noError) return lost();
  const code = resetCodes.get(rstCode) ?? 'INTERNAL';
  const who = cause === undefined ? 'the instance reset the stream' : 'the stream was reset';
  return new ServiceError(code, 'STREAM_RESET', `${who} (HTTP/2 error ${rstCode})`, { cause });
}

const resetCodes = new Map<number, CodeName>([
  [errorCodes.cancel, 'CANCELLED'],
  [errorCodes.enhanceYourCalm, 'RESOURCE_EXHAUSTED'],
  [errorCodes.inadequateSecurity, 'PERMISSION_DENIED'],
]);

export function neverSent(cause?: Error): ServiceError {
  return new ServiceError('UNAVAILABLE', notSent, 'the instance cannot be reached', { cause });
}

export function refused(): ServiceError {
  return new ServiceError('UNAVAILABLE', streamRefused, 'the instance refused the stream');
}

export function lost(cause?: Error): ServiceError {
  return new ServiceError('UNAVAILABLE', connectionLost, 'the connection to the instance broke', { cause });
}

/** The answer is none that HTTP/2 allows. */
export function broken(cause: Error): ServiceError {
  return new ServiceError('INTERNAL', 'MALFORMED_ANSWER', `the answer breaks HTTP/2: ${cause.message}`, {
    cause,
  });
}

export function cancelled(): ServiceError {
  return new ServiceError('CANCELLED', 'CANCELLED', 'the call was cancelled');
}

export function expired(): ServiceError {
  return new ServiceError('DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED', 'the deadline passed');
}

/** Percent-Decoded (gRPC over HTTP2): what is no escape stays as it is, broken UTF-8 is replaced. */
function percentDecoded(text: string): string {
  if (!text.includes('%')) return text;
  return text.replace(/(?:%[0-9a-fA-F]{2})+/g, (escapes) =>
    Buffer.from(escapes.replaceAll('%', ''), 'hex').toString(),
  );
}
