import { createServer } from 'node:http';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createAuthority } from '@weft/chassis/testing/certificates';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
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

function start(args: readonly string[], variables: Record<string, string>) {
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const child = spawn(process.execPath, [main, ...args], {
    env: variables,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { text: '' };
  child.stdout.on('data', (chunk) => (output.text += chunk));
  child.stderr.on('data', (chunk) => (output.text += chunk));
  const exit = once(child, 'close').then(([code]) => code as number | null);
  return { child, output, exit };
}

async function run(args: readonly string[], variables: Record<string, string> = env) {
  const { output, exit } = start(args, variables);
  return { code: await exit, text: output.text };
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
  const { child, output, exit } = start([], env);
  while (!output.text.includes('"serving"')) await once(child.stdout, 'data');
  const port = /"port":(\d+)/.exec(output.text)?.[1];
  const answer = await fetch(`http://127.0.0.1:${port}/nothing`);
  expect(answer.status).toBe(404);
  await answer.text();
  const startedAt = Date.now();
  child.kill('SIGTERM');
  expect(await exit).toBe(0);
  expect(Date.now() - startedAt).toBeLessThan(15_000);
});
