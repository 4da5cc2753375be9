import { afterEach, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '@weft/chassis/testing/eventually';
import type { Contract } from '@weft/chassis/contract';
import { createLogger } from '@weft/chassis/logger';
import { openEdge, type OpenedEdge, type OpenEdgeOptions } from './open-edge.ts';
import { freePort } from './testing/free-port.ts';
import { greeterContract, nextGreeterContract, startGreeter, zooContract } from './testing/greeter.ts';
import { send } from './testing/http.ts';

let greeter: Contract;
let zoo: Contract;
const ends: (() => unknown)[] = [];

beforeAll(() => {
  greeter = greeterContract();
  zoo = zooContract();
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function upstream(...parameters: Parameters<typeof startGreeter>) {
  const started = await startGreeter(...parameters);
  ends.push(() => started.stop());
  return `static:127.0.0.1:${started.port}`;
}

/** An edge, its address, and the lines that it logs. */
async function open(options: OpenEdgeOptions) {
  const lines: string[] = [];
  const logger = createLogger({ name: 'edge' }, { write: (line) => void lines.push(line) });
  const edge: OpenedEdge = await openEdge({ logger, ...options });
  const port = await edge.listen('127.0.0.1', 0);
  ends.push(async () => {
    await edge.drain(100);
    await edge.close();
  });
  const url = `http://127.0.0.1:${port}`;
  const get = (path: string) => send(url, 'GET', path);
  return { edge, url, get, lines, logged: (part: string) => lines.filter((line) => line.includes(part)) };
}

test('descriptors and an upstream: a schema without access rules is served as it is, and the log says so once', async () => {
  const target = await upstream(greeter, { reflection: false });
  const { edge, get, logged } = await open({ descriptors: [greeter.bytes], upstreams: [target] });
  expect((await get('/v1/hello/ada')).json).toEqual({ text: 'hello ada' });
  expect((await get('/v1/fail')).json).toMatchObject({
    error: { status: 'NOT_FOUND', message: 'nobody is there' },
  });
  expect((await get('/v1/count/3')).json).toEqual([{ text: '1' }, { text: '2' }, { text: '3' }]);
  expect(edge.status()).toEqual({ ok: true, detail: '' });
  expect(logged('no access rules')).toHaveLength(1);
});

test('a service without an upstream is told of once, and its calls fail at once', async () => {
  const target = await upstream(greeter, { reflection: false });
  const { get, logged } = await open({
    descriptors: [greeter.bytes, zoo.bytes],
    upstreams: [`acme.v1.Greeter=${target}`],
  });
  expect((await get('/v1/hello/ada')).status).toBe(200);
  const { status, json } = await get('/v1/animals/cat');
  expect(status).toBe(501);
  expect(json.error).toMatchObject({ message: 'no upstream is known for zoo.v1.Zoo' });
  expect(json.error.details[0]).toMatchObject({ reason: 'NO_UPSTREAM' });
  expect(logged('"services":["zoo.v1.Zoo"]')).toHaveLength(1);
});

test.each<[fault: string, options: () => OpenEdgeOptions]>([
  ['(/nowhere): ENOENT', () => ({ descriptors: ['/nowhere'], upstreams: ['static:127.0.0.1:1'] })],
  ['it is empty', () => ({ descriptors: [new Uint8Array()], upstreams: ['static:127.0.0.1:1'] })],
  [
    'it is no FileDescriptorSet',
    () => ({ descriptors: [Buffer.from('{}')], upstreams: ['static:127.0.0.1:1'] }),
  ],
  [
    'an upstream is given for acme.v1.Greter, which the schema does not have (it has acme.v1.Greeter)',
    () => ({ descriptors: [greeter.bytes], upstreams: ['acme.v1.Greter=static:127.0.0.1:1'] }),
  ],
  [
    'acme.v1.Greeter has two upstreams',
    () => ({
      descriptors: [greeter.bytes],
      upstreams: ['acme.v1.Greeter=static:127.0.0.1:1', 'acme.v1.Greeter=dns:localhost:2'],
    }),
  ],
  [
    'matches the same requests as GET /v1/hello/{text} acme.v1.Greeter/Hello',
    () => ({
      descriptors: [greeter.bytes, zooContract('/v1/hello/{text}').bytes],
      upstreams: ['static:127.0.0.1:1'],
    }),
  ],
  ['there are neither upstreams nor a registry', () => ({ descriptors: [greeter.bytes] })],
  ['nothing says what to serve', () => ({})],
  ['the schema can be learned from etcd:// alone', () => ({ registry: 'static:a=127.0.0.1:1' })],
])('stops the start: %s', async (fault, options) => {
  await expect(openEdge(options())).rejects.toThrow(fault);
});

test('by reflection: it starts before its upstream, is ready when that is, and learns what a new one can', async () => {
  const port = await freePort();
  const { edge, get, logged } = await open({ reflect: [`static:127.0.0.1:${port}`] });
  const early = await get('/v1/hello/ada');
  expect([early.status, early.headers['retry-after']]).toEqual([503, '1']);
  expect(early.json.error.details[0]).toMatchObject({ reason: 'SCHEMA_UNKNOWN' });
  expect(edge.status().ok).toBe(false);

  const first = await startGreeter(greeter, { port });
  ends.push(() => first.stop());
  await eventually(async () => expect((await get('/v1/hello/ada')).json).toEqual({ text: 'hello ada' }));
  expect(edge.status()).toEqual({ ok: true, detail: '' });
  expect((await get('/v1/bye/ada')).status).toBe(404);

  first.stop();
  await upstream(nextGreeterContract(), { port });
  await eventually(async () => expect((await get('/v1/bye/ada')).json).toEqual({ text: 'bye ada' }));
  expect(logged('schema learned')).toHaveLength(2);
});

test('an upstream that grows while it is connected is asked again; the same answer changes nothing', async () => {
  const next = nextGreeterContract();
  let asked = 0;
  let now = greeter;
  const target = await upstream(next, { reflection: { now: () => ((asked += 1), now) } });
  const { edge, get } = await open({ reflect: [target], reflectEveryMs: 20 });
  await eventually(() => edge.status().ok);
  const { schema } = edge;
  const before = asked;
  await eventually(() => asked > before + 1);
  expect(edge.schema).toBe(schema);
  now = next;
  await eventually(async () => expect((await get('/v1/bye/ada')).json).toEqual({ text: 'bye ada' }));
});

test('reflection as servers differ in it: v1alpha alone, files without their imports, without google/api', async () => {
  const target = await upstream(greeter, {
    reflection: {
      version: 'v1alpha',
      sparse: true,
      lacks: ['google/api/annotations.proto', 'google/api/http.proto', 'google/protobuf/descriptor.proto'],
    },
  });
  const { get } = await open({ reflect: [target] });
  await eventually(async () => expect((await get('/v1/hello/ada')).json).toEqual({ text: 'hello ada' }));
});

test('an import that the upstream lacks is named, and so is an upstream without reflection', async () => {
  const lacking = await upstream(greeter, { reflection: { sparse: true, lacks: ['acme/v1/words.proto'] } });
  const without = await upstream(zoo, { reflection: false });
  const { edge } = await open({ reflect: [lacking, without] });
  await edge.settled;
  const { ok, detail } = edge.status();
  expect(ok).toBe(false);
  expect(detail).toContain(
    `${lacking}: acme/v1/greeter.proto imports acme/v1/words.proto, which the upstream does not have`,
  );
  expect(detail).toContain(`${without}: `);
});

test('several upstreams: each is called for its services; one whose routes are taken is left out, with the reason', async () => {
  const rival = zooContract('/v1/hello/{text}');
  const [one, two] = [await upstream(greeter), await upstream(zoo)];
  const { edge, get, logged } = await open({ reflect: [one, two] });
  await eventually(async () => expect((await get('/v1/animals/cat')).json).toEqual({ text: 'a cat' }));
  await eventually(async () => expect((await get('/v1/hello/ada')).status).toBe(200));
  expect(edge.status().detail).toBe('');

  const [first, third] = [await upstream(greeter), await upstream(rival)];
  const other = await open({ reflect: [first, third] });
  await other.edge.settled;
  const refused = other.logged('cannot be served');
  expect(refused).toHaveLength(1);
  expect(refused[0]).toContain('matches the same requests as');
  expect(other.edge.status()).toMatchObject({
    ok: true,
    detail: expect.stringContaining('matches the same'),
  });
  expect((await other.get('/v1/hello/ada')).status).toBe(200);
  expect(logged('cannot be served')).toEqual([]);
});
