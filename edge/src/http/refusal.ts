import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { domain } from '../domain.ts';
import type { ErrorPrinter } from '../rest/error-body.ts';
import { HttpFault, type Failure } from './faults.ts';

type ParseError = NodeJS.ErrnoException & { readonly rawPacket?: Buffer };

/** What a request was that node:http could not read. */
export function parseFailure(error: ParseError, urlBytes: number): Failure {
  if (error.code === 'HPE_HEADER_OVERFLOW')
    return hasLongTarget(error.rawPacket?.toString('latin1') ?? '', urlBytes)
      ? fault(414, 'URI_TOO_LONG', 'the URL is too long')
      : headersTooLarge();
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return requestTimeout();
  if (error.code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW')
    return fault(413, 'BODY_TOO_LARGE', 'the chunk extensions are too large');
  return fault(400, 'MALFORMED_REQUEST', 'this is no HTTP/1.1 request');
}

/** Whether it is the request line that fills the packet. */
function hasLongTarget(packet: string, urlBytes: number): boolean {
  const end = packet.indexOf('\r\n');
  return /^[A-Z]+ \S/.test(packet) && (end === -1 || end > urlBytes);
}

export function requestTimeout(): Failure {
  return fault(408, 'REQUEST_TIMEOUT', 'the request did not arrive in time');
}

export function headersTooLarge(): Failure {
  return fault(431, 'HEADERS_TOO_LARGE', 'the headers are too large');
}

/** CONNECT asks for a tunnel, and there is none here (RFC 9110, 9.3.6). */
export function noTunnels(): Failure {
  const allow = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';
  return new HttpFault(405, 'UNIMPLEMENTED', 'METHOD_NOT_ALLOWED', 'CONNECT is not possible here', { allow })
    .failure;
}

function fault(status: number, reason: string, message: string): Failure {
  return new HttpFault(status, 'INVALID_ARGUMENT', reason, message).failure;
}

/**
 * What is wrong with the headers of a request that node:http takes as one: an expectation other than
 * 100-continue (RFC 9110, 10.1.1), a coding that nobody would take off again (RFC 9112, 6.1), no Host, or
 * several (RFC 9112, 3.2).
 */
export function headerFailure(request: IncomingMessage): Failure | undefined {
  const { httpVersion, headers, rawHeaders } = request;
  if (!('stream' in request) && !httpVersion.startsWith('1.'))
    return fault(400, 'MALFORMED_REQUEST', 'this is no HTTP/1.1 request');
  if (headers.expect !== undefined && headers.expect.toLowerCase() !== '100-continue')
    return fault(417, 'EXPECTATION_FAILED', 'only 100-continue can be expected');
  if (headers['transfer-encoding'] !== undefined && headers['transfer-encoding'].toLowerCase() !== 'chunked')
    return fault(400, 'MALFORMED_REQUEST', 'the only transfer coding is chunked');
  if (httpVersion === '1.1' && countOf('host', rawHeaders) !== 1)
    return fault(400, 'MALFORMED_REQUEST', 'an HTTP/1.1 request has one Host header');
  return undefined;
}

function countOf(name: string, rawHeaders: readonly string[]): number {
  let count = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const header = rawHeaders[i] ?? '';
    if (header.length === name.length && header.toLowerCase() === name) count += 1;
  }
  return count;
}

/** Answers a request that never gets to the handler, and closes its connection where there is one of its own. */
export function refuseRequest(
  request: IncomingMessage,
  response: ServerResponse,
  failure: Failure,
  errors: ErrorPrinter,
): void {
  const path = (request.url ?? '').split('?', 1)[0] ?? '';
  const { accept } = request.headers;
  const { contentType, body } = errors.answer(failure, domain, { accept, path });
  response.writeHead(failure.status, {
    ...failure.headers,
    ...('stream' in response ? {} : { connection: 'close' }),
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'x-content-type-options': 'nosniff',
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** The `Accept` header of a request that could not be read, as far as it came with the packet that broke. */
export function acceptIn({ rawPacket }: ParseError): string | undefined {
  const head = rawPacket?.toString('latin1').split('\r\n\r\n', 1)[0] ?? '';
  return /^accept:[ \t]*(.{1,500})$/im.exec(head)?.[1]?.trim();
}

/**
 * Answers on a connection whose request could not be read, and closes it. `accept`: what is known of its
 * `Accept` header.
 */
export function refuseConnection(
  socket: Socket,
  failure: Failure,
  errors: ErrorPrinter,
  accept?: string,
): void {
  const current = (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage ?? undefined;
  // Requests before this one on the same connection (pipelining) are answered first.
  if (current?.req.complete === true) {
    current.once('close', () => refuseConnection(socket, failure, errors, accept));
    return;
  }
  // An answer that has begun may get nothing put into it.
  if (!socket.writable || current?.headersSent === true) {
    socket.destroy();
    return;
  }
  const { contentType, body } = errors.answer(failure, domain, { accept, path: '' });
  const headers = { ...failure.headers, connection: 'close', 'content-type': contentType };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(
    `HTTP/1.1 ${failure.status} \r\n${lines.join('')}x-content-type-options: nosniff\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
