import { gzipSync } from 'node:zlib';
import type { DescField, DescMessage } from '@bufbuild/protobuf';
import type { MethodRule } from '@weft/chassis/contract';
import type { Route } from '../../routing/routes.ts';
import type { Schema } from '../../schema.ts';
import { JsonTexts } from './json.ts';
import type { Random } from './random.ts';
import { escaped, headerValue, mutated, targetText, text } from './texts.ts';

/** A request whose framing is right, so that exactly one answer is due. */
export interface FuzzRequest {
  readonly bytes: Buffer;
  /** HEAD: its answer has no body. */
  readonly bodiless: boolean;
}

const verbs = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'REPORT',
  'PROPFIND',
  'QUERY',
];
const types = [
  'application/json',
  'application/json; charset=utf-8',
  'text/plain',
  'application/problem+json',
];
const rpcTypes = [
  'proto',
  'json',
  'connect+proto',
  'connect+json',
  'grpc',
  'grpc+proto',
  'grpc-web',
  'grpc-web+proto',
  'grpc-web-text',
];
const accepts = [
  '*/*',
  'application/json',
  'application/x-ndjson',
  'text/event-stream',
  'application/problem+json',
  'image/png',
];
const segments = [
  'a',
  '1',
  'x%2Fy',
  '%2e%2e',
  '..',
  '.',
  'a:b',
  ':',
  '%',
  '%zz',
  '%ff',
  '%00',
  '~',
  '%C3%A9',
  'a=b',
];
const bomb = gzipSync(Buffer.alloc(4 << 20, '['));

/** Requests made from a schema, most of them nearly right: those get deepest. */
export class Requests {
  readonly #schema: Schema;
  readonly #methods: readonly MethodRule[];

  constructor(schema: Schema) {
    this.#schema = schema;
    this.#methods = [...schema.contract.methods.values()];
  }

  make(random: Random): FuzzRequest {
    const kind = random.fraction();
    if (kind < 0.62) return this.#rest(random);
    if (kind < 0.9) return this.#rpc(random);
    return this.#anywhere(random);
  }

  #rest(random: Random): FuzzRequest {
    const route = random.pick(this.#schema.routes.list);
    const { input } = route.method.descriptor;
    const faults = random.pick([0, 0.02, 0.2]);
    const template = random.chance(0.9) ? pathOf(route, random) : `/${targetText(random, 10)}`;
    const query = random.chance(0.5) ? `?${this.#query(input, random)}` : '';
    const verb = random.chance(0.92) ? verbOf(route) : random.pick(verbs);
    const body = route.rule.body;
    const json = new JsonTexts(random, faults);
    let content: Buffer | undefined;
    if (body.kind === 'all') content = Buffer.from(json.message(input));
    if (body.kind === 'field') content = Buffer.from(json.field(body.field));
    if (content !== undefined && route.method.descriptor.methodKind.includes('client'))
      content = Buffer.from(random.list(4, () => json.message(input)).join('\n'));
    if (content !== undefined && random.chance(0.15)) content = mutated(random, content);
    if (content === undefined && random.chance(0.05)) content = Buffer.from(text(random));
    return framed(random, verb, template + query, this.#headers(random, random.pick(types)), content);
  }

  #rpc(random: Random): FuzzRequest {
    const { path, descriptor } = random.pick(this.#methods);
    const target = random.chance(0.95) ? path : `${path}/${targetText(random, 3)}`;
    const json = new JsonTexts(random, 0.05).message(descriptor.input);
    if (random.chance(0.2)) {
      const encoding = random.pick(['json', 'proto', 'x']);
      const query = `?connect=v1&encoding=${encoding}&message=${escaped(random, json)}`;
      return framed(random, 'GET', target + query, this.#headers(random, ''), undefined);
    }
    const type = random.pick(rpcTypes);
    const message = type.includes('json') ? Buffer.from(json) : this.#binary(random);
    const unary = type === 'proto' || type === 'json';
    let body = unary ? message : Buffer.concat(random.list(3, () => envelope(random, message)));
    if (random.chance(0.1)) body = mutated(random, body);
    if (type === 'grpc-web-text') body = Buffer.from(body.toString('base64'));
    return framed(random, 'POST', target, this.#headers(random, `application/${type}`), body);
  }

  /** Wire format, roughly: tags, lengths and varints of any kind. */
  #binary(random: Random): Buffer {
    const parts = random.list(6, () => {
      const tag = (1 + random.below(50)) * 8;
      if (random.chance(0.5)) {
        const value = Buffer.from(text(random));
        return Buffer.from([...varint(tag + 2), ...varint(value.length), ...value]);
      }
      return Buffer.from([
        ...varint(tag + random.below(random.chance(0.1) ? 8 : 1)),
        ...varint(random.below(1e9)),
      ]);
    });
    return Buffer.concat(parts);
  }

  #anywhere(random: Random): FuzzRequest {
    const origin = random.chance(0.1) ? 'http://x' : '';
    const path = random.pick(['/', '/v1/', '/v1/books/', '/v1/files/', '/openapi.json', '/docs', '/healthz']);
    const target = random.chance(0.03) ? '*' : `${origin}${path}${targetText(random, 20)}`;
    const verb = random.pick(verbs);
    return framed(random, target === '*' ? 'OPTIONS' : verb, target, this.#headers(random, ''), undefined);
  }

  #query(type: DescMessage, random: Random): string {
    const pair = (): string => {
      const name = random.chance(0.8) ? fieldPath(type, random) : escaped(random, text(random));
      return `${name}=${escaped(random, random.chance(0.5) ? String(random.below(9)) : text(random))}`;
    };
    return random.list(5, pair).join('&');
  }

  #headers(random: Random, type: string): string[] {
    const lines = type === '' ? [] : [`content-type: ${type}`];
    const maybe = (name: string, value: () => string, often = 0.06): void => {
      if (random.chance(often)) lines.push(`${name}: ${value()}`);
    };
    maybe('accept', () => random.pick(accepts), 0.3);
    maybe(
      'authorization',
      () => random.pick(['Bearer user', 'bearer librarian', 'Bearer x', 'Basic eDp5', headerValue(random)]),
      0.4,
    );
    maybe('accept-encoding', () => random.pick(['gzip', 'gzip;q=0', '*', headerValue(random)]));
    maybe('idempotency-key', () => headerValue(random));
    maybe('x-server-timeout', () => random.pick(['1', '0.5', '-1', headerValue(random)]));
    maybe('grpc-timeout', () => random.pick(['1S', '1n', '99999999H', headerValue(random)]));
    maybe('connect-timeout-ms', () => random.pick(['1000', headerValue(random)]));
    maybe('connect-protocol-version', () => random.pick(['1', '2']));
    maybe('x-request-id', () => headerValue(random));
    maybe('traceparent', () => headerValue(random));
    maybe('origin', () => random.pick(['https://app.test', 'null', headerValue(random)]));
    maybe('access-control-request-method', () => random.pick(verbs));
    maybe(`grpc-metadata-${random.pick(['a', 'a-bin', 'host', '-bin', '__proto__', 'grpc-status'])}`, () =>
      headerValue(random),
    );
    maybe(`x-${random.pick(['a', 'b-bin', '__proto__', 'constructor'])}`, () => headerValue(random));
    maybe('if-match', () => headerValue(random));
    maybe('te', () => 'trailers');
    maybe('expect', () => random.pick(['100-continue', 'something']), 0.01);
    maybe('content-encoding', () => random.pick(['identity', 'gzip', 'br', headerValue(random)]), 0.02);
    return lines;
  }
}

function framed(
  random: Random,
  verb: string,
  target: string,
  headers: string[],
  content: Buffer | undefined,
): FuzzRequest {
  const lines = [`${verb} ${target === '' ? '/' : target} HTTP/1.1`, 'host: x', ...headers];
  let body = content;
  if (body !== undefined && random.chance(0.04)) {
    body = random.chance(0.05) ? bomb : gzipSync(body);
    if (random.chance(0.2)) body = mutated(random, body);
    lines.push('content-encoding: gzip');
  }
  if (body !== undefined && random.chance(0.25)) {
    lines.push('transfer-encoding: chunked');
    body = chunked(random, body);
  } else if (body !== undefined) lines.push(`content-length: ${body.length}`);
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  return { bytes: body === undefined ? head : Buffer.concat([head, body]), bodiless: verb === 'HEAD' };
}

function chunked(random: Random, body: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length;) {
    const size = Math.min(body.length - at, 1 + random.below(body.length));
    const extension = random.chance(0.05) ? ';a=b' : '';
    parts.push(
      Buffer.from(`${size.toString(16)}${extension}\r\n`),
      body.subarray(at, at + size),
      Buffer.from('\r\n'),
    );
    at += size;
  }
  parts.push(Buffer.from(random.chance(0.05) ? '0\r\nx-trailer: a\r\n\r\n' : '0\r\n\r\n'));
  return Buffer.concat(parts);
}

/** A message as gRPC and Connect frame it: flags, length, bytes; now and then with a wrong length. */
function envelope(random: Random, message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head[0] = random.chance(0.9) ? 0 : random.pick([1, 2, 3, 0x80, 0x81, 255]);
  head.writeUInt32BE(
    random.chance(0.95) ? message.length : random.pick([0, message.length + 1, 2 ** 31, 2 ** 32 - 1]),
    1,
  );
  return Buffer.concat([head, message]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) + 128);
  }
}

function verbOf({ rule }: Route): string {
  return rule.httpMethod === '*' ? 'POST' : rule.httpMethod;
}

function pathOf({ rule }: Route, random: Random): string {
  const open = rule.template.text.replace(/\{[^=}]*=([^}]*)\}/g, '$1').replace(/\{[^}]*\}/g, '*');
  return open.replace(/\*\*|\*/g, (wildcard) =>
    wildcard === '*' ? random.pick(segments) : random.list(3, () => random.pick(segments)).join('/'),
  );
}

/** A field's path, or one that goes too far. */
function fieldPath(type: DescMessage, random: Random): string {
  const names: string[] = [];
  let current: DescMessage | undefined = type;
  while (current !== undefined && names.length < 8) {
    if (current.fields.length === 0) break;
    const field: DescField = random.pick(current.fields);
    names.push(random.chance(0.5) ? field.jsonName : field.name);
    current = random.chance(0.9) ? field.message : undefined;
  }
  if (random.chance(0.03)) names.push(random.pick(['__proto__', 'constructor', '']));
  return names.map(encodeURIComponent).join('.');
}
