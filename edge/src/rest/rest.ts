import type { Metadata } from '@grpc/grpc-js';
import type { Mesh, StreamResult, UnaryResult } from '@weft/chassis/client/mesh';
import { callOptions } from '../call.ts';
import { domain } from '../domain.ts';
import type { Failures } from '../failures.ts';
import type { Exchange } from '../http/exchange.ts';
import { HttpFault, type Failure } from '../http/faults.ts';
import { finish } from '../http/finish.ts';
import { answerHeaders, answerTrailers } from '../http/metadata.ts';
import { mayHaveTrailers, sendAnswer } from '../http/send.ts';
import { addVary, type Headers } from '../http/vary.ts';
import type { Protocol, Target } from '../protocol.ts';
import type { Route } from '../routing/routes.ts';
import { answerBody, isHttpBody, printAnswer, readHttpBody } from './answer.ts';
import { readRequests } from './request-stream.ts';
import { readRequest, type RequestOptions } from './request.ts';
import { answerStream } from './stream-answer.ts';
import { rawFormat, streamFormat } from './stream-format.ts';

const allMethods = 'DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT';

export interface RestOptions extends RequestOptions {
  readonly mesh: Mesh;
  readonly failures: Failures;
}

/** REST: routes from `google.api.http`, requests and answers as ProtoJSON, errors as AIP-193 has them. */
export class Rest implements Protocol {
  readonly #options: RestOptions;

  constructor(options: RestOptions) {
    this.#options = options;
  }

  match(exchange: Exchange): Target | undefined {
    const { path, schema } = exchange;
    const { method = '' } = exchange.request;
    if (path === '*' && method === 'OPTIONS') {
      // Of the server as a whole (RFC 9110, 9.3.7).
      exchange.response.writeHead(204, { ...exchange.headers, allow: allMethods }).end();
      return undefined;
    }
    const match = schema.routes.table.match(method, path);
    if (match.kind === 'none') throw noRoute();
    if (match.kind === 'wrong-method') {
      const allow = [...match.allow, 'OPTIONS'].join(', ');
      if (method !== 'OPTIONS') throw wrongMethod(method, allow);
      exchange.response.writeHead(204, { ...exchange.headers, allow }).end();
      return undefined;
    }
    const { value: route, captures } = match;
    return {
      method: route.method,
      label: route.rule.template.text,
      serve: () => this.#serve(exchange, route, captures),
    };
  }

  fail(exchange: Exchange, failure: Failure): void {
    const { request, response, headers, bodiless } = exchange;
    const { schema, target, path } = exchange;
    const { contentType, body } = schema.errors.answer(failure, domain, {
      accept: request.headers.accept,
      path,
      type: target?.method.descriptor.input,
    });
    addVary(headers, 'Accept');
    response.writeHead(failure.status, {
      ...headers,
      ...failure.headers,
      'content-type': contentType,
      'content-length': Buffer.byteLength(body),
    });
    finish(response, bodiless ? undefined : body, this.#options.limits.slowClientMs);
  }

  async #serve(exchange: Exchange, route: Route, captures: readonly string[]): Promise<void> {
    const { mesh } = this.#options;
    const call = callOptions(exchange);
    const { path, descriptor } = route.method;
    const { methodKind } = descriptor;
    if (methodKind === 'unary') {
      const message = await readRequest(exchange, route, captures, this.#options);
      await this.#answer(exchange, route, await mesh.unary(path, message, call));
    } else if (methodKind === 'server_streaming') {
      const message = await readRequest(exchange, route, captures, this.#options);
      await this.#stream(exchange, route, mesh.serverStream(path, message, call));
    } else {
      const requests = readRequests(exchange, route, captures, this.#options);
      const stream = mesh.clientStream(path, requests, call);
      if (methodKind === 'bidi_streaming') await this.#stream(exchange, route, stream);
      else await this.#answer(exchange, route, await onlyAnswer(stream));
    }
  }

  #answer(exchange: Exchange, route: Route, result: UnaryResult): Promise<void> {
    const { stripped } = exchange.pass;
    const { contentType, data } = answerBody(exchange.schema.printer, route, result.message);
    return sendAnswer(
      exchange,
      {
        headers: headersOf(exchange, result.headers),
        contentType,
        data,
        trailers: () => answerTrailers(result.trailers, stripped),
      },
      this.#options.limits.slowClientMs,
    );
  }

  async #stream(exchange: Exchange, route: Route, stream: StreamResult): Promise<void> {
    const { limits, failures } = this.#options;
    const { schema, pass, request, response, bodiless } = exchange;
    const raw = isHttpBody(route);
    const format = raw ? rawFormat : streamFormat(request.headers.accept);
    if (!raw) addVary(exchange.headers, 'Accept');
    await answerStream(response, stream, {
      format,
      headers: (metadata) => headersOf(exchange, metadata),
      typeOf: raw ? (first) => readHttpBody(route, first).contentType : undefined,
      print: (message) =>
        raw ? readHttpBody(route, message).data : format.message(printAnswer(schema.printer, route, message)),
      fail: (error) => print(exchange, failures.of(exchange, error)),
      trailers: mayHaveTrailers(exchange) ? (metadata) => answerTrailers(metadata, pass.stripped) : undefined,
      slowClientMs: limits.slowClientMs,
      heartbeatMs: limits.heartbeatMs,
      bodiless,
    });
  }
}

/** The headers of an answer: the upstream's, then the edge's own, which win, but for what both say it varies by. */
function headersOf({ headers, pass }: Exchange, metadata: Metadata): Headers {
  const sent = answerHeaders(metadata, pass.stripped);
  const all: Headers = { ...sent, ...headers };
  for (const name of sent['vary'] ?? []) addVary(all, name);
  return all;
}

/** The answer of a call that streams its requests and has one answer. Throws what the call fails with. */
async function onlyAnswer({ messages, headers, trailers }: StreamResult): Promise<UnaryResult> {
  const answers: Uint8Array[] = [];
  for await (const message of messages) {
    answers.push(message);
    if (answers.length > 1) break;
  }
  const [message] = answers;
  if (message === undefined || answers.length > 1)
    throw new Error(
      `the upstream sent ${message === undefined ? 'no answer' : 'several answers'} where one is due`,
    );
  return { message, headers: await headers, trailers: await trailers };
}

function print({ schema, target }: Exchange, failure: Failure): string {
  return schema.errors.print(failure, domain, target?.method.descriptor.input);
}

function noRoute(): HttpFault {
  return new HttpFault(404, 'NOT_FOUND', 'ROUTE_NOT_FOUND', 'there is nothing at this path');
}

function wrongMethod(method: string, allow: string): HttpFault {
  return new HttpFault(405, 'UNIMPLEMENTED', 'METHOD_NOT_ALLOWED', `${method} is not possible here`, {
    allow,
  });
}
