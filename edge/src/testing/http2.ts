import {
  connect,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';

export interface Http2Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** 0 for an answer that is whole. */
  readonly rstCode: number;
}

/** A connection that speaks HTTP/2 from the first byte; its failures are its streams'. */
export function openHttp2(url: string, options = {}): ClientHttp2Session {
  return connect(url, options).on('error', () => undefined);
}

/** One request; `body` undefined ends it with its headers. */
export function request2(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: string | Uint8Array,
): Promise<Http2Answer> {
  const stream = session.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  return answerOf(stream);
}

/** All of an answer, however it ends. */
export function answerOf(stream: ClientHttp2Stream): Promise<Http2Answer> {
  let headers: IncomingHttpHeaders & { ':status'?: number | undefined } = {};
  let trailers: IncomingHttpHeaders = {};
  const chunks: Buffer[] = [];
  stream.on('response', (sent) => (headers = sent));
  stream.on('trailers', (sent) => (trailers = sent));
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  // What it was is in rstCode.
  stream.on('error', () => undefined);
  return new Promise((resolve) =>
    stream.on('close', () =>
      resolve({
        status: headers[':status'],
        headers,
        trailers,
        body: Buffer.concat(chunks),
        rstCode: stream.rstCode,
      }),
    ),
  );
}
