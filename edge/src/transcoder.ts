import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Metadata } from '@grpc/grpc-js';
import type { Mesh } from '@weft/chassis/client/mesh';
import type { Contract } from '@weft/chassis/contract';
import { HttpBody } from '@weft/proto/google/api/httpbody';
import { bindRequest } from './binding/bind.ts';
import { messageField } from './codec/field-to-json.ts';
import { JsonPrinter } from './codec/message-to-json.ts';
import { httpBodyType } from './descriptors.ts';
import { checkJson, readBody } from './http/body.ts';
import { clientTimeoutMs } from './http/deadline.ts';
import { finish } from './http/finish.ts';
import { answerHeaders, requestMetadata } from './http/metadata.ts';
import { answerStream } from './http/stream-answer.ts';
import { rawFormat, streamFormat } from './http/stream-format.ts';
import type { Exchange } from './http/exchange.ts';
import type { Limits } from './limits.ts';
import type { Route } from './routing/routes.ts';

export interface TranscoderOptions {
  readonly contract: Contract;
  readonly mesh: Mesh;
  readonly limits: Limits;
  readonly unknownParameters: 'ignore' | 'refuse';
  readonly unknownFields: 'ignore' | 'refuse';
  readonly emitDefaults: boolean;
  /** The body of a failure after the answer has begun. */
  readonly failed: (exchange: Exchange, error: unknown) => string;
}

/** Turns a routed REST request into its gRPC call, and the call's answer into HTTP. */
export class Transcoder {
  private readonly options: TranscoderOptions;
  private readonly printer: JsonPrinter;

  constructor(options: TranscoderOptions) {
    this.options = options;
    this.printer = new JsonPrinter({
      registry: options.contract.registry,
      emitDefaults: options.emitDefaults,
      maxLength: options.limits.responseBytes,
      // A JSON level of a Struct is up to three levels of messages.
      maxDepth: options.limits.jsonDepth * 3,
    });
  }

  /** Throws whatever fails before the answer has begun. */
  async serve(exchange: Exchange, route: Route, captures: readonly string[]): Promise<void> {
    const { request, response } = exchange;
    const timeoutMs = clientTimeoutMs(request.headers);
    const message = await this.request(request, response, route, captures, exchange.query);
    const call = {
      metadata: requestMetadata(request.rawHeaders, exchange.id),
      signal: exchange.signal,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    };
    const { path, descriptor } = route.method;
    if (descriptor.methodKind === 'server_streaming') {
      const stream = this.options.mesh.serverStream(path, message, call);
      await this.stream(exchange, route, stream.messages, stream.headers);
    } else {
      const { message: answer, headers } = await this.options.mesh.unary(path, message, call);
      this.answer(exchange, route, answer, headers);
    }
  }

  private async request(
    request: IncomingMessage,
    response: ServerResponse,
    route: Route,
    captures: readonly string[],
    query: string,
  ): Promise<Uint8Array> {
    const { rule, method } = route;
    const { input } = method.descriptor;
    const contentType = request.headers['content-type'] ?? '';
    let body = Buffer.alloc(0);
    if (rule.body.kind !== 'none') {
      body = Buffer.from(await readBody(request, response, this.options.limits.requestBytes));
      const bodyType = rule.body.kind === 'all' ? input : rule.body.field.message;
      if (bodyType?.typeName !== httpBodyType && body.length > 0) checkJson(contentType);
    }
    const key = request.headers['idempotency-key'];
    return bindRequest(
      rule,
      input,
      {
        httpMethod: request.method ?? '',
        captures,
        query,
        body,
        contentType,
        idempotencyKey: typeof key === 'string' ? key : undefined,
      },
      {
        registry: this.options.contract.registry,
        unknownFields: this.options.unknownFields,
        unknownParameters: this.options.unknownParameters,
        maxDepth: this.options.limits.jsonDepth,
      },
    );
  }

  private answer(exchange: Exchange, route: Route, message: Uint8Array, metadata: Metadata): void {
    const { response, headers, bodiless } = exchange;
    const { contentType, data } = this.body(route, message);
    response.writeHead(200, {
      ...answerHeaders(metadata),
      ...headers,
      'content-type': contentType,
      'content-length': Buffer.byteLength(data),
    });
    finish(response, bodiless ? undefined : data, this.options.limits.slowClientMs);
  }

  private async stream(
    exchange: Exchange,
    route: Route,
    messages: AsyncIterable<Uint8Array>,
    metadata: Promise<Metadata>,
  ): Promise<void> {
    const { limits, failed } = this.options;
    const raw = isHttpBody(route);
    const format = raw ? rawFormat : streamFormat(exchange.request.headers.accept);
    let type: { 'content-type'?: string } = {};
    await answerStream(exchange.response, messages, {
      format,
      headers: async () => ({ ...answerHeaders(await metadata), ...exchange.headers, ...type }),
      print: (message) => {
        if (!raw) return format.message(this.print(route, message));
        const { contentType, data } = readHttpBody(route, message);
        type = { 'content-type': contentType };
        return data;
      },
      fail: (error) => failed(exchange, error),
      slowClientMs: limits.slowClientMs,
      heartbeatMs: limits.heartbeatMs,
      bodiless: exchange.bodiless,
    });
  }

  private print({ rule, method }: Route, message: Uint8Array): string {
    const { output } = method.descriptor;
    return rule.responseBody === undefined
      ? this.printer.message(output, message)
      : this.printer.field(output, rule.responseBody, message);
  }

  /** JSON stays a string: node:http then writes it together with the headers. */
  private body(route: Route, message: Uint8Array): { contentType: string; data: string | Uint8Array } {
    if (isHttpBody(route)) return readHttpBody(route, message);
    return { contentType: 'application/json', data: this.print(route, message) };
  }
}

/** google.api.HttpBody is the body itself, with its own type. */
function isHttpBody({ rule, method }: Route): boolean {
  return (rule.responseBody?.message ?? method.descriptor.output).typeName === httpBodyType;
}

function readHttpBody({ rule }: Route, message: Uint8Array): { contentType: string; data: Uint8Array } {
  const bytes = rule.responseBody === undefined ? message : messageField(message, rule.responseBody.number);
  const { contentType, data } = HttpBody.decode(bytes);
  return { contentType: contentType === '' ? 'application/octet-stream' : contentType, data };
}
