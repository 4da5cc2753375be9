import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Metadata } from '@grpc/grpc-js';
import type { StreamResult } from '@weft/chassis/client/mesh';
import { cutAnswerSoon } from '../http/cut.ts';
import type { Headers } from '../http/vary.ts';
import type { StreamFormat } from './stream-format.ts';

/** How long a stream that has begun may go without a message before its headers go out alone. */
const heelsMs = 20;

export interface StreamAnswerOptions {
  readonly format: StreamFormat;
  readonly headers: (metadata: Metadata) => Headers;
  /** The body's type where messages bring their own: then the headers wait for the first one. */
  readonly typeOf: ((first: Uint8Array) => string) | undefined;
  /** One message as it stands in the body. */
  readonly print: (message: Uint8Array) => string | Uint8Array;
  /** The body of a failure, and what to log of it. */
  readonly fail: (error: unknown) => string;
  /** What the answer ends with; undefined where the client takes none. */
  readonly trailers: ((metadata: Metadata) => Record<string, string[]>) | undefined;
  /** How long a client may leave what was sent unread, milliseconds. */
  readonly slowClientMs: number;
  readonly heartbeatMs: number;
  /** HEAD: the headers alone. */
  readonly bodiless: boolean;
}

/** A client that does not read: its connection is cut. */
export class SlowClient extends Error {
  override readonly name = 'SlowClient';
}

/**
 * Writes a stream of messages as they come: the headers once the upstream has begun to answer, then each
 * message at once, and the next is pulled only when the client has read enough of the last. Throws what the
 * stream fails with before it has begun; a later failure ends the body as its format says. Trailers have no
 * `Trailer` header here, since their names are not known when it would have to go out.
 */
export async function answerStream(
  response: ServerResponse,
  stream: StreamResult,
  options: StreamAnswerOptions,
): Promise<void> {
  const { format, bodiless } = options;
  const messages = stream.messages[Symbol.asyncIterator]();
  let heartbeat: NodeJS.Timeout | undefined;
  let ended = false;
  try {
    const pulled = messages.next();
    // Told by whichever is awaited first.
    pulled.catch(() => undefined);
    const metadata = options.typeOf === undefined ? await begun(stream, pulled) : undefined;
    let message = metadata === undefined ? await pulled : undefined;
    writeHead(response, metadata ?? (await stream.headers), message?.value, options);
    if (bodiless) {
      response.end();
      return;
    }
    heartbeat = startHeartbeat(response, options);
    message ??= await pulled;
    let lead = format.open;
    while (message.done !== true) {
      const text = options.print(message.value);
      await write(response, typeof text === 'string' ? lead + text : text, options.slowClientMs);
      lead = format.separator;
      message = await messages.next();
    }
    ended = true;
    const trailers = options.trailers?.(await stream.trailers);
    if (trailers !== undefined) response.addTrailers(trailers as unknown as Record<string, string>);
    response.end(lead === format.open ? format.open + format.close : format.close);
  } catch (error) {
    if (!response.headersSent || error instanceof SlowClient) throw error;
    endFailed(response, format.failure(options.fail(error)));
  } finally {
    clearInterval(heartbeat);
    if (!ended) await messages.return?.();
  }
}

/**
 * The initial metadata, once the upstream has begun to answer. Some upstreams send it before they know
 * whether they can answer at all: a failure on its heels is told as if it had not come, so that the client
 * still gets its status.
 */
async function begun(stream: StreamResult, pulled: Promise<unknown>): Promise<Metadata> {
  const metadata = await stream.headers;
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise((resolve) => (timer = setTimeout(resolve, heelsMs)));
  try {
    await Promise.race([pulled, patience]);
  } finally {
    clearTimeout(timer);
  }
  return metadata;
}

function writeHead(
  response: ServerResponse,
  metadata: Metadata,
  first: Uint8Array | undefined,
  { format, headers, typeOf }: StreamAnswerOptions,
): void {
  response.writeHead(200, {
    'cache-control': 'no-cache',
    // nginx would otherwise hold messages back.
    'x-accel-buffering': 'no',
    ...headers(metadata),
    'content-type': first === undefined || typeOf === undefined ? format.contentType : typeOf(first),
  });
  response.flushHeaders();
}

/** Writes, and waits until the client has read enough. Throws SlowClient when it does not within `slowClientMs`. */
export async function write(
  response: ServerResponse,
  text: string | Uint8Array,
  slowClientMs: number,
): Promise<void> {
  if (response.destroyed || response.write(text)) return;
  // `close` rather than an error: the client left, and the loop's next pull finds the call cancelled.
  const gone = new AbortController();
  const timer = setTimeout(() => gone.abort(), slowClientMs);
  const signal = gone.signal;
  try {
    await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })]);
  } catch (error) {
    throw new SlowClient('the client does not read', { cause: error });
  } finally {
    clearTimeout(timer);
    // Frees the listener of whichever did not happen.
    gone.abort();
  }
}

function startHeartbeat(
  response: ServerResponse,
  { format, heartbeatMs }: StreamAnswerOptions,
): NodeJS.Timeout | undefined {
  const { heartbeat } = format;
  if (heartbeat === undefined) return undefined;
  return setInterval(() => {
    if (!response.writableNeedDrain) response.write(heartbeat);
  }, heartbeatMs).unref();
}

/** Without a last line to say so, cutting the answer tells the client that the body is not whole. */
function endFailed(response: ServerResponse, last: string | undefined): void {
  if (last !== undefined) response.end(last);
  else cutAnswerSoon(response);
}
