import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { JsonObject } from '@bufbuild/protobuf';
import { Metadata } from '@grpc/grpc-js';
import type { Mesh } from '@weft/chassis/client/mesh';
import { createEdge, type Edge } from './edge.ts';
import { json, send } from './testing/http.ts';
import { contractOf } from './testing/schema.ts';

// Names of a contract are data. buf itself refuses none of these; json_name may be any text at all.
const contract = contractOf(
  `rpc constructor(Odd) returns (Odd) {
     option (google.api.http) = {post: "/constructor/{__proto__}" body: "*" additional_bindings {get: "/odd"}};
     option (weft.v1.access) = {public: true};
   }
   rpc toString(Odd) returns (Odd) {
     option (google.api.http) = {get: "/__proto__/{hasOwnProperty.valueOf}"};
     option (weft.v1.access) = {public: true};
   }`,
  `message Odd {
     enum prototype { __defineGetter__ = 0; valueOf = 1; }
     string __proto__ = 1;
     string constructor = 2 [json_name = "__proto__"];
     string quoted = 3 [json_name = "\\"]); throw new Error(1); //"];
     string broken = 4 [json_name = "a\\nb\\u2028${'`$'}{1}'\\\\"];
     Odd.__lookupSetter__ hasOwnProperty = 5;
     prototype kind = 6;
     map<string, string> toString = 7;
     oneof __lookupGetter__ { string valueOf_ = 8; string length = 9; }
     message __lookupSetter__ { string valueOf = 1; string toJSON = 2; }
   }`,
);

let edge: Edge;
let url: string;
beforeAll(async () => {
  const echo = async (_: string, message: Uint8Array) => ({
    message,
    headers: new Metadata(),
    trailers: new Metadata(),
  });
  const mesh = { unary: echo } as unknown as Mesh;
  edge = createEdge({ contract, mesh, tokens: undefined, emitDefaults: false });
  url = `http://127.0.0.1:${await edge.listen('127.0.0.1', 0)}`;
});
afterAll(() => edge.drain(100));

const quoted = '"]); throw new Error(1); //';
const broken = "a\nb\u2028`${1}'\\";

/** A JSON text with members of any name, of which an object could not hold `__proto__`. */
const text = (...members: readonly (readonly [string, unknown])[]): string =>
  `{${members.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`;

test('fields of any name are read and printed', async () => {
  const body = text(
    ['constructor', 'c'],
    [quoted, 'q'],
    [broken, 'b'],
    ['hasOwnProperty', { valueOf: 'v', toJSON: 't' }],
    ['kind', 'valueOf'],
    ['toString', { constructor: '1', prototype: '2' }],
    ['length', 'l'],
  );
  const answer = await send(url, 'POST', '/constructor/p', json(body));
  expect(answer.status).toBe(200);
  const fields = new Map(Object.entries(JSON.parse(answer.text) as JsonObject));
  expect(fields.get(quoted)).toBe('q');
  expect(fields.get(broken)).toBe('b');
  expect(fields.get('hasOwnProperty')).toEqual({ valueOf: 'v', toJSON: 't' });
  expect(fields.get('toString')).toEqual({ constructor: '1', prototype: '2' });
  expect([fields.get('kind'), fields.get('length')]).toEqual(['valueOf', 'l']);
  // The path is __proto__'s, and the JSON name of `constructor` is the same: both are there.
  expect(answer.text).toContain('"__proto__":"c"');
});

test('keys of a map may have any name, and change nothing but the map', async () => {
  const keys = ['__proto__', 'constructor', 'toString', ''];
  const map = `{${keys.map((key) => `${JSON.stringify(key)}:"x"`).join(',')}}`;
  const answer = await send(url, 'POST', '/constructor/p', json(`{"toString":${map}}`));
  for (const key of keys) expect(answer.text).toContain(`${JSON.stringify(key)}:"x"`);
  expect(({} as { x?: string }).x).toBeUndefined();
  expect(Object.getPrototypeOf({})).toBe(Object.prototype);
});

test('paths and queries take such names like others, and know no inherited ones', async () => {
  const path = await send(url, 'GET', '/__proto__/1?kind=valueOf&hasOwnProperty.toJSON=2');
  expect(JSON.parse(path.text)).toEqual({ hasOwnProperty: { valueOf: '1', toJSON: '2' }, kind: 'valueOf' });
  for (const name of ['isPrototypeOf', 'hasOwnProperty.constructor', 'kind.prototype', '__defineSetter__'])
    expect((await send(url, 'GET', `/odd?${name}=1`)).status).toBe(400);
  expect((await send(url, 'GET', '/odd?kind=constructor')).status).toBe(400);
  for (const nowhere of ['/constructor', '/toString', '/hasOwnProperty/x', '/__proto__'])
    expect((await send(url, 'GET', nowhere)).status).toBe(404);
});

test('RPCs of such names are called, and inherited ones are none', async () => {
  const call = (method: string) => send(url, 'POST', `/test.v1.Test/${method}`, json({ kind: 'valueOf' }));
  expect((await call('constructor')).json).toEqual({ kind: 'valueOf' });
  expect((await call('toString')).json).toEqual({ kind: 'valueOf' });
  for (const method of ['hasOwnProperty', '__proto__', 'valueOf'])
    expect((await call(method)).status).toBe(404);
  expect((await send(url, 'POST', '/__proto__/constructor', json({}))).status).toBeLessThan(500);
});

test('the OpenAPI document of such a contract can be read', async () => {
  const { status, text: document } = await send(url, 'GET', '/openapi.json');
  expect(status).toBe(200);
  expect(Object.keys((JSON.parse(document) as { paths: object }).paths)).toContain('/odd');
});
