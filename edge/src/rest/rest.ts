import type { Metadata } from '@grpc/grpc-js';
import type { Mesh } from '@weft/chassis/client/mesh';
import { callOptions } from '../call.ts';
import { domain } from '../domain.ts';
import type { Failures } from '../failures.ts';
import type { Exchange } from '../http/exchange.ts';
import { HttpFault, type Failure } from '../http/faults.ts';
import { finish } from '../http/finish.ts';
import { answerHeaders } from '../http/metadata.ts';
import type { Protocol, Target } from '../protocol.ts';
import type { Route } from '../routing/routes.ts';
import { answerBody, isHttpBody, printAnswer, readHttpBody } from './answer.ts';
import { readRequest, type RequestOptions } from './request.ts';
import { answerStream } from './stream-answer.ts';
import { rawFormat, streamFormat } from './stream-format.ts';

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
    const { response, headers, bodiless } = exchange;
    const body = print(exchange, failure);
    response.writeHead(failure.status, {
      ...headers,
      ...failure.headers,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    });
    finish(response, bodiless ? undefined : body, this.#options.limits.slowClientMs);
  }

  async #serve(exchange: Exchange, route: Route, captures: readonly string[]): Promise<void> {
    const { mesh } = this.#options;
    const call = callOptions(exchange);
    const message = await readRequest(exchange, route, captures, this.#options);
    const { path, descriptor } = route.method;
    if (descriptor.methodKind === 'server_streaming') {
      const stream = mesh.serverStream(path, message, call);
      await this.#stream(exchange, route, stream.messages, stream.headers);
    } else {
      const { message: answer, headers } = await mesh.unary(path, message, call);
      this.#answer(exchange, route, answer, headers);
    }
  }

  #answer(exchange: Exchange, route: Route, message: Uint8Array, metadata: Metadata): void {
    const { response, headers, bodiless, schema } = exchange;
    const { contentType, data } = answerBody(schema.printer, route, message);
    response.writeHead(200, {
      ...answerHeaders(metadata),
      ...headers,
      'content-type': contentType,
      'content-length': Buffer.byteLength(data),
    });
    finish(response, bodiless ? undefined : data, this.#options.limits.slowClientMs);
  }

  async #stream(
    exchange: Exchange,
    route: Route,
    messages: AsyncIterable<Uint8Array>,
    metadata: Promise<Metadata>,
  ): Promise<void> {
    const { limits, failures } = this.#options;
    const raw = isHttpBody(route);
    const format = raw ? rawFormat : streamFormat(exchange.request.headers.accept);
    let type: { 'content-type'?: string } = {};
    await answerStream(exchange.response, messages, {
      format,
      headers: async () => ({ ...answerHeaders(await metadata), ...exchange.headers, ...type }),
      print: (message) => {
        if (!raw) return format.message(printAnswer(exchange.schema.printer, route, message));
        const { contentType, data } = readHttpBody(route, message);
        type = { 'content-type': contentType };
        return data;
      },
      fail: (error) => print(exchange, failures.of(exchange, error)),
      slowClientMs: limits.slowClientMs,
      heartbeatMs: limits.heartbeatMs,
      bodiless: exchange.bodiless,
    });
  }
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
