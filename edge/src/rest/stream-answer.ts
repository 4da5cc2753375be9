import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { StreamFormat } from './stream-format.ts';

export interface StreamAnswerOptions {
  readonly format: StreamFormat;
  /** Asked for once the first message was printed. */
  readonly headers: () => Promise<Record<string, string | string[]>>;
  /** One message as it stands in the body. */
  readonly print: (message: Uint8Array) => string | Uint8Array;
  /** The body of a failure, and what to log of it. */
  readonly fail: (error: unknown) => string;
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
 * Writes a stream of messages as they come: each is sent at once, and the next is pulled only when the
 * client has read enough of the last. Throws what `messages` throws before the first message; a later
 * failure ends the body as its format says.
 */
export async function answerStream(
  response: ServerResponse,
  messages: AsyncIterable<Uint8Array>,
  options: StreamAnswerOptions,
): Promise<void> {
  const { format } = options;
  let heartbeat: NodeJS.Timeout | undefined;
  try {
    for await (const message of messages) {
      const text = options.print(message);
      const lead = response.headersSent ? format.separator : format.open;
      if (!response.headersSent) {
        await writeHead(response, options);
        if (options.bodiless) break;
        heartbeat = startHeartbeat(response, options);
      }
      await write(response, typeof text === 'string' ? lead + text : text, options.slowClientMs);
    }
    if (!response.headersSent) {
      await writeHead(response, options);
      response.end(format.open + format.close);
    } else response.end(options.bodiless ? '' : format.close);
  } catch (error) {
    if (!response.headersSent || error instanceof SlowClient) throw error;
    endFailed(response, format.failure(options.fail(error)));
  } finally {
    clearInterval(heartbeat);
  }
}

async function writeHead(response: ServerResponse, options: StreamAnswerOptions): Promise<void> {
  response.writeHead(200, {
    'content-type': options.format.contentType,
    'cache-control': 'no-cache',
    // nginx would otherwise hold messages back.
    'x-accel-buffering': 'no',
    ...(await options.headers()),
  });
}

async function write(
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

/** Without a last line to say so, cutting the connection tells the client that the body is not whole. */
function endFailed(response: ServerResponse, last: string | undefined): void {
  if (last !== undefined) response.end(last);
  else response.write('', () => response.socket?.destroySoon());
}
