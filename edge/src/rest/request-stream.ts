import { bindRequest } from '../binding/bind.ts';
import { FieldFault } from '../codec/field-fault.ts';
import { JsonTextError } from '../codec/json-text.ts';
import { bodyChunks } from '../http/body-chunks.ts';
import { jsonForm } from '../http/body.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Route } from '../routing/routes.ts';
import { splitMessages } from './json-splitter.ts';
import { bindOptions, requestParts, takesHttpBody, type RequestOptions } from './request.ts';

const empty = Buffer.alloc(0);

/**
 * The request messages of a method that streams them, encoded, each as soon as it has arrived; the next is
 * read only when it is asked for. The body is a JSON array or NDJSON; of a google.api.HttpBody, each part of
 * it as it comes is a message.
 *
 * What path and query say goes into every message. http.proto has no rule for streams, and messages are
 * handled one by one: an upstream that looks at one of them would otherwise not know what it was sent to. A
 * method without a body clause gets one message, of path and query alone. `Idempotency-Key` names one
 * request, not each of many, so it is not bound.
 *
 * Throws at once what is wrong with path, query or the kind of the body; the iterable throws what is wrong
 * with a message, named by its index: `[3].book.title`.
 */
export function readRequests(
  exchange: Exchange,
  route: Route,
  captures: readonly string[],
  options: RequestOptions,
): AsyncIterable<Uint8Array> {
  const { request, response } = exchange;
  const { rule, method } = route;
  const parts = { ...requestParts(exchange, captures), idempotencyKey: undefined };
  const binding = bindOptions(exchange, options);
  const bind = (body: Buffer): Uint8Array =>
    bindRequest(rule, method.descriptor.input, { ...parts, body }, binding);
  const raw = takesHttpBody(route);
  const form = raw || rule.body.kind === 'none' ? 'json' : jsonForm(request.headers['content-type'], true);
  const bare = bind(empty);
  if (rule.body.kind === 'none') return only(bare);
  const chunks = bodyChunks(request, response);
  const { requestBytes } = options.limits;
  if (raw) return rawMessages(chunks, requestBytes, bind);
  return jsonMessages(splitMessages(chunks, form === 'lines', requestBytes), bind);
}

async function* only(message: Uint8Array): AsyncGenerator<Uint8Array, undefined> {
  yield message;
}

/** An empty body is one empty message, so that the upstream learns what path and query say. */
async function* rawMessages(
  chunks: AsyncIterable<Buffer>,
  maxBytes: number,
  bind: (body: Buffer) => Uint8Array,
): AsyncGenerator<Uint8Array, undefined> {
  let any = false;
  for await (const chunk of chunks) {
    for (let start = 0; start < chunk.length; start += maxBytes) {
      any = true;
      yield bind(chunk.subarray(start, start + maxBytes));
    }
  }
  if (!any) yield bind(empty);
}

async function* jsonMessages(
  texts: AsyncIterable<Buffer>,
  bind: (body: Buffer) => Uint8Array,
): AsyncGenerator<Uint8Array, undefined> {
  let index = 0;
  for await (const text of texts) {
    yield bound(text, index, bind);
    index++;
  }
}

function bound(text: Buffer, index: number, bind: (body: Buffer) => Uint8Array): Uint8Array {
  try {
    return bind(text);
  } catch (error) {
    if (error instanceof JsonTextError) throw new FieldFault(`[${index}]`, error.message);
    if (!(error instanceof FieldFault)) throw error;
    const separator = error.field === '' || error.field.startsWith('[') ? '' : '.';
    throw new FieldFault(`[${index}]${separator}${error.field}`, error.message);
  }
}
