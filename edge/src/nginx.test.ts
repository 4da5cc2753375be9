import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromBinary, fromJson, toBinary, toJson, type DescMessage } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Contract } from '@weft/chassis/contract';
import { createAuthority, type Identity } from '@weft/chassis/testing/certificates';
import { eventually } from '@weft/chassis/testing/eventually';
import { freePort } from './testing/free-port.ts';
import { greeterContract, greeterHandlers } from './testing/greeter.ts';
import { runNode, type RunningNode } from './testing/run-node.ts';
import { startUpstream, type Upstream } from './testing/upstream.ts';

const folder = mkdtempSync(join(tmpdir(), 'edge-nginx-'));
const file = (name: string) => join(folder, name);
let contract: Contract;
let identity: Identity;
let upstream: Upstream;
let edges: RunningNode[];
let nginx: ChildProcess;
let port: number;
let agent: Agent;
/** Lets the stream of the upstream go on to its next message. */
let goOn: () => void;

beforeAll(async () => {
  contract = greeterContract();
  identity = await (await createAuthority()).issue('nginx');
  writeFileSync(file('cert.pem'), identity.cert);
  writeFileSync(file('key.pem'), identity.key);
  writeFileSync(file('api.binpb'), contract.bytes);
  upstream = await startUpstream(contract, undefined, {
    ...greeterHandlers,
    streams: {
      async *Count({ request: { text } }) {
        for (let i = 1; i <= Number(text); i += 1) {
          const next = Promise.withResolvers<void>();
          goOn = next.resolve;
          yield { text: String(i) };
          await next.promise;
        }
      },
    },
  });
  const target = `static:127.0.0.1:${upstream.port}`;
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  // Time enough, on a busy machine too, for every kept connection to be used and told to close: one that is
  // closed while a POST is on its way fails it, by HTTP's own rules (RFC 9112, section 9.3.1).
  const flags = ['--port=0', '--admin-port=0', '--drain-delay-ms=3s'];
  edges = [1, 2].map(() =>
    runNode(main, ['--descriptors', file('api.binpb'), '--upstream', target, ...flags]),
  );
  const ports = await Promise.all(
    edges.map(async ({ until }) => (await until(/"port":(\d+).*"serving"/))[1]),
  );
  port = await freePort();
  agent = new Agent({ keepAlive: true, ca: identity.ca });
  nginx = await startNginx(port, ports.map(String));
}, 60_000);

afterAll(async () => {
  agent.destroy();
  nginx.kill('SIGQUIT');
  await Promise.all(edges.map((edge) => edge.kill()));
  if (nginx.exitCode === null) await once(nginx, 'exit');
  upstream.stop();
  rmSync(folder, { recursive: true });
});

function nginxBinary(): string {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  const found = folders.map((path) => join(path, 'nginx')).find((path) => existsSync(path));
  if (found === undefined)
    throw new Error('nginx is neither on the PATH nor in /usr/sbin: install it (Debian: nginx-light)');
  return found;
}

/** The file as it is delivered, but for addresses, certificate and folders. */
function configuration(listen: number, [one = '', two = '']: readonly string[]): string {
  let text = readFileSync(new URL('../../deploy/nginx/edge.conf', import.meta.url), 'utf8');
  const replace = (what: string, by: string): void => {
    expect(text).toContain(what);
    text = text.replaceAll(what, by);
  };
  replace('listen 443 ssl', `listen localhost:${listen} ssl`);
  replace('127.0.0.1:8080', `127.0.0.1:${one}`);
  replace('127.0.0.1:8081', `127.0.0.1:${two}`);
  replace('/etc/nginx/tls/api.example.com.pem', file('cert.pem'));
  replace('/etc/nginx/tls/api.example.com.key', file('key.pem'));
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  replace('http {', `http {\n${kinds.map((kind) => `${kind}_temp_path ${file(kind)};`).join('\n')}`);
  return text;
}

async function startNginx(listen: number, edgePorts: readonly string[]): Promise<ChildProcess> {
  writeFileSync(file('nginx.conf'), configuration(listen, edgePorts));
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  const globals = `daemon off; pid ${file('pid')}; error_log stderr warn; ${user}`;
  const child = spawn(nginxBinary(), ['-p', folder, '-c', file('nginx.conf'), '-g', globals], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  await eventually(async () => {
    if (child.exitCode !== null) throw new Error(`nginx ended: ${log}`);
    expect((await ask('GET', '/v1/hello/ada')).status).toBe(200);
  });
  return child;
}

interface AskOptions {
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly onChunk?: (text: string) => void;
}

/** A request whose path is sent as it is written. */
function ask(
  method: string,
  path: string,
  options: AskOptions = {},
): Promise<{ status: number; text: string }> {
  const { headers = {}, body, onChunk } = options;
  return new Promise((resolve, reject) => {
    const target = { host: '127.0.0.1', port, method, path, headers, agent, servername: 'localhost' };
    const sent = request(target, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        onChunk?.(chunk.toString());
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

test.each([
  ['/v1/hello/a%2Fb', 200, '{"text":"hello a/b"}'],
  ['/v1/hello/a%252Fb', 200, '{"text":"hello a%2Fb"}'],
  ['/v1/hello/%2e%2e', 200, '{"text":"hello .."}'],
  ['/v1/hello/..', 200, '{"text":"hello .."}'],
  ['/v1/x/../hello/ada', 404, 'NOT_FOUND'],
  ['//v1/hello/ada', 404, 'NOT_FOUND'],
  ['/v1//hello/ada', 404, 'NOT_FOUND'],
  ['/v1/hello/a%zz', 400, '<html>'],
  ['/../v1/hello/ada', 400, '<html>'],
  ['/v1/hello/%00', 400, '<html>'],
])('a path arrives as it was sent: %s is answered %s', async (path, status, part) => {
  const answer = await ask('GET', path);
  expect([answer.status, answer.text]).toEqual([status, expect.stringContaining(part)]);
});

test('bodies pass, errors come in the form of the edge, and what is too large is refused by the edge', async () => {
  const headers = { 'content-type': 'application/json' };
  const said = await ask('POST', '/v1/say', { headers, body: '{"text":"x"}' });
  expect([said.status, said.text]).toEqual([200, '{"text":"x"}']);
  const large = await ask('POST', '/v1/say', {
    headers,
    body: JSON.stringify({ text: 'x'.repeat(2 ** 20) }),
  });
  expect([large.status, JSON.parse(large.text).error.status]).toEqual([413, expect.any(String)]);
  const long = await ask('GET', `/v1/hello/${'x'.repeat(9_000)}`);
  expect([long.status, JSON.parse(long.text).error.status]).toEqual([414, expect.any(String)]);
});

test('the messages of a stream arrive one by one', async () => {
  const chunks: string[] = [];
  const { text } = await ask('GET', '/v1/count/3', {
    headers: { accept: 'application/x-ndjson' },
    onChunk: (chunk) => {
      chunks.push(chunk);
      // The upstream makes the next one only now.
      goOn();
    },
  });
  expect(chunks).toEqual(['{"text":"1"}\n', '{"text":"2"}\n', '{"text":"3"}\n']);
  expect(text).toBe(chunks.join(''));
});

test('and those of a Connect stream', async () => {
  const message = Buffer.from('{"text":"3"}');
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  let chunks = 0;
  const { status, text } = await ask('POST', '/acme.v1.Greeter/Count', {
    headers: { 'content-type': 'application/connect+json' },
    body: Buffer.concat([head, message]).toString('latin1'),
    onChunk: () => {
      chunks += 1;
      goOn();
    },
  });
  expect([status, text.match(/"text":"\d"/g)]).toEqual([200, ['1', '2', '3'].map((n) => `"text":"${n}"`)]);
  expect(chunks).toBeGreaterThan(2);
});

test('gRPC passes: calls, streams and errors of grpc-js', async () => {
  const client = new grpc.Client(`localhost:${port}`, grpc.credentials.createSsl(Buffer.from(identity.ca)));
  const words = contract.registry.getMessage('acme.v1.Words') as DescMessage;
  const write = (text: string) => Buffer.from(toBinary(words, fromJson(words, { text })));
  const read = (bytes: Buffer) => toJson(words, fromBinary(words, bytes));
  try {
    const hello = await new Promise((resolve, reject) =>
      client.makeUnaryRequest('/acme.v1.Greeter/Hello', write, read, 'ada', (error, value) =>
        error === null ? resolve(value) : reject(error),
      ),
    );
    expect(hello).toEqual({ text: 'hello ada' });
    const failed = await new Promise((resolve) =>
      client.makeUnaryRequest('/acme.v1.Greeter/Fail', write, read, '', (error) => resolve(error)),
    );
    expect(failed).toMatchObject({ code: grpc.status.NOT_FOUND, details: 'nobody is there' });
    const counted: unknown[] = [];
    for await (const message of client.makeServerStreamRequest('/acme.v1.Greeter/Count', write, read, '3')) {
      counted.push(message);
      goOn();
    }
    expect(counted).toEqual([{ text: '1' }, { text: '2' }, { text: '3' }]);
  } finally {
    client.close();
  }
});

test('an edge that is stopped under load: no request fails', async () => {
  const [leaving] = edges;
  const over = new AbortController();
  const failed: string[] = [];
  let answered = 0;
  const headers = { 'content-type': 'application/json' };
  const load = Array.from({ length: 8 }, async (_, i) => {
    for (let n = 0; !over.signal.aborted; n += 1) {
      const text = `${i}-${n}`;
      const answer =
        n % 2 === 0
          ? await ask('GET', `/v1/hello/${text}`).catch(String)
          : await ask('POST', '/v1/say', { headers, body: JSON.stringify({ text }) }).catch(String);
      if (typeof answer === 'string' || answer.status !== 200) failed.push(JSON.stringify(answer));
      else answered += 1;
    }
  });
  await eventually(() => answered > 100);
  leaving?.child.kill('SIGTERM');
  expect(await leaving?.exit).toBe(0);
  const before = answered;
  await eventually(() => answered > before + 100);
  over.abort();
  await Promise.all(load);
  expect(failed).toEqual([]);
});
