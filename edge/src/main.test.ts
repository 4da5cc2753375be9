import { createServer } from 'node:http';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createAuthority } from '@weft/chassis/testing/certificates';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '@weft/chassis/testing/eventually';
import { greeterContract, startGreeter } from './testing/greeter.ts';
import { runNode } from './testing/run-node.ts';
import { contractOf } from './testing/schema.ts';

const folder = mkdtempSync(join(tmpdir(), 'edge-main-'));
const file = (name: string) => join(folder, name);
let env: Record<string, string>;

beforeAll(async () => {
  const identity = await (await createAuthority()).issue('edge');
  for (const name of ['ca', 'cert', 'key'] as const) writeFileSync(file(name), identity[name]);
  const contract = contractOf(`
    rpc Get(Request) returns (Request) { option (google.api.http) = {get: "/v1/{a}"}; option (weft.v1.access) = {public: true}; }
    rpc Hidden(Request) returns (Request) { option (google.api.http) = {get: "/v1/{a}/hidden"}; }`);
  writeFileSync(file('set'), contract.bytes);
  env = {
    PATH: process.env['PATH'] ?? '',
    DESCRIPTORS: file('set'),
    HTTP_PORT: '0',
    ADMIN_PORT: '0',
    REGISTRY: 'static:test=127.0.0.1:1',
    TLS_CA_FILE: file('ca'),
    TLS_CERT_FILE: file('cert'),
    TLS_KEY_FILE: file('key'),
  };
});
afterAll(() => rmSync(folder, { recursive: true }));

const main = fileURLToPath(new URL('main.ts', import.meta.url));
const start = (args: readonly string[], variables: Record<string, string>) => runNode(main, args, variables);

async function run(args: readonly string[], variables: Record<string, string> = env) {
  const { text, exit } = start(args, variables);
  return { code: await exit, text: text() };
}

test('--print-routes needs the descriptors alone', async () => {
  const { DESCRIPTORS } = env;
  const { code, text } = await run(['--print-routes'], { DESCRIPTORS: DESCRIPTORS ?? '' });
  expect(code).toBe(0);
  expect(text).toContain('GET /v1/{a} test.v1.Test/Get\n');
  expect(text).toContain('not served: test.v1.Test/Hidden: the contract lets nobody call it\n');
});

test('every broken variable is named at once, and it exits before it listens', async () => {
  const { code, text } = await run([], {
    ...env,
    HTTP_PORT: 'x',
    MAX_REQUEST_BYTES: '0',
    EMIT_DEFAULTS: 'yes',
  });
  expect(code).toBe(78);
  expect(text).toContain('HTTP_PORT is not a port');
  expect(text).toContain('MAX_REQUEST_BYTES is below 1');
  expect(text).toContain('EMIT_DEFAULTS is neither true nor false');
});

test('--print-config prints every variable and exits', async () => {
  const { code, text } = await run(['--print-config']);
  expect([code, text]).toEqual([0, expect.stringContaining('\nMAX_REQUEST_BYTES=1048576\n')]);
});

test('a port that is taken is named, with its variable', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const { code, text } = await run([], { ...env, HTTP_PORT: String(port) });
  other.close();
  expect([code, text]).toEqual([
    1,
    expect.stringContaining(`port ${port} (HTTP_PORT) is taken by another process`),
  ]);
});

test('two methods for the same requests stop the start, and both are named', async () => {
  const contract = contractOf(`
    rpc One(Request) returns (Request) { option (google.api.http) = {get: "/v1/{a}"}; option (weft.v1.access) = {public: true}; }
    rpc Two(Request) returns (Request) { option (google.api.http) = {get: "/v1/{b}"}; option (weft.v1.access) = {public: true}; }`);
  writeFileSync(file('conflict'), contract.bytes);
  const { code, text } = await run([], { ...env, DESCRIPTORS: file('conflict') });
  expect(code).toBe(1);
  expect(text).toContain(
    'GET /v1/{b} test.v1.Test/Two matches the same requests as GET /v1/{a} test.v1.Test/One',
  );
});

test('SIGTERM ends it with 0, soon, while a client holds its connection open', async () => {
  const { child, until, exit } = start([], env);
  const [, port] = await until(/"port":(\d+).*"serving"/);
  const answer = await fetch(`http://127.0.0.1:${port}/nothing`);
  expect(answer.status).toBe(404);
  await answer.text();
  const startedAt = Date.now();
  child.kill('SIGTERM');
  expect(await exit).toBe(0);
  expect(Date.now() - startedAt).toBeLessThan(15_000);
});

test('two edges from flags alone, in front of plaintext upstreams: each is ready once it has learned its schema', async () => {
  const upstream = await startGreeter(greeterContract());
  const target = `static:127.0.0.1:${upstream.port}`;
  const edges = [1, 2].map(() => start(['--reflect', target, '--port=0'], {}));
  try {
    const adminPorts = await Promise.all(
      edges.map(async ({ until }) => {
        const [, port, admin] = await until(/"port":(\d+),"admin":(\d+).*"serving"/);
        await eventually(async () => {
          const ready = await fetch(`http://127.0.0.1:${admin}/readyz`);
          expect([ready.status, await ready.json()]).toEqual([
            200,
            expect.objectContaining({
              dependencies: expect.objectContaining({ 'acme.v1.Greeter': { required: false, ok: true } }),
            }),
          ]);
        });
        const answer = await fetch(`http://127.0.0.1:${port}/v1/hello/ada`);
        expect(await answer.json()).toEqual({ text: 'hello ada' });
        return admin;
      }),
    );
    expect(new Set(adminPorts).size).toBe(2);
  } finally {
    await Promise.all(edges.map((edge) => edge.kill()));
    upstream.stop();
  }
});

test('--print-routes learns a schema too: routes, then the RPCs that have none', async () => {
  const upstream = await startGreeter(greeterContract());
  const { code, text } = await run(['--reflect', `static:127.0.0.1:${upstream.port}`, '--print-routes'], {});
  upstream.stop();
  expect(code).toBe(0);
  expect(text.split('\n').filter((line) => line !== '')).toEqual([
    'GET /v1/hello/{text} acme.v1.Greeter/Hello',
    'POST /v1/say acme.v1.Greeter/Say',
    'GET /v1/count/{text} acme.v1.Greeter/Count',
    'GET /v1/fail acme.v1.Greeter/Fail',
    'RPC acme.v1.Greeter/Whisper',
  ]);
});

test('--help, --version and what is wrong with flags', async () => {
  const [help, version, wrong] = await Promise.all([
    run(['--help'], {}),
    run(['--version'], {}),
    run(['--registry=etcd://127.0.0.1:2379', '--prot', '80'], { MAX_URL_BYTES: '0' }),
  ]);
  expect([help.code, help.text]).toEqual([0, expect.stringContaining('--reflect static:127.0.0.1:9000')]);
  expect([version.code, version.text]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+\n$/)]);
  expect(wrong.code).toBe(78);
  expect(wrong.text).toContain(
    '2 fault(s):\n  --prot is unknown: do you mean --port?\n  MAX_URL_BYTES is below 1',
  );
});
