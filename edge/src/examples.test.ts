import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { greeterContract, startGreeter } from './testing/greeter.ts';
import { json, send } from './testing/http.ts';
import { runNode } from './testing/run-node.ts';
import type { Upstream } from './testing/upstream.ts';

const folder = mkdtempSync(join(tmpdir(), 'edge-examples-'));
const descriptors = join(folder, 'api.binpb');
let upstream: Upstream;

beforeAll(async () => {
  const contract = greeterContract();
  writeFileSync(descriptors, contract.bytes);
  upstream = await startGreeter(contract);
});
afterAll(() => {
  upstream.stop();
  rmSync(folder, { recursive: true });
});

test.each([
  ['node-http', ''],
  ['express', '/api'],
  ['fastify', '/api'],
])('the example %s serves REST and what else the app has', async (name, prefix) => {
  const script = fileURLToPath(new URL(`../examples/${name}.ts`, import.meta.url));
  const target = `static:127.0.0.1:${upstream.port}`;
  const example = runNode(script, [], { DESCRIPTORS: descriptors, UPSTREAM: target, PORT: '0' });
  try {
    const [, port] = await example.until(/port: (\d+)/);
    const url = `http://localhost:${port}`;
    const hello = await send(url, 'GET', '/hello');
    expect([hello.status, hello.text]).toEqual([200, 'hello']);
    expect((await send(url, 'GET', `${prefix}/v1/hello/a%2Fb`)).json).toEqual({ text: 'hello a/b' });
    expect((await send(url, 'POST', `${prefix}/v1/say`, json({ text: 'ä' }))).json).toEqual({ text: 'ä' });
    expect((await send(url, 'GET', `${prefix}/v1/count/3`)).json).toEqual(
      [1, 2, 3].map((n) => ({ text: `${n}` })),
    );
    const failed = await send(url, 'GET', `${prefix}/v1/fail`);
    expect([failed.status, failed.json.error.status]).toEqual([404, 'NOT_FOUND']);
    expect((await send(url, 'POST', `${prefix}/v1/say`, json('{'))).status).toBe(400);
    expect((await send(url, 'GET', `${prefix}/v1/nothing`)).json.error.status).toBe('NOT_FOUND');
  } finally {
    await example.kill();
  }
});
