import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { Contract } from '@weft/chassis/contract';
import { etcdRegistry } from '@weft/chassis/discovery/etcd/etcd';
import { loadContract } from '@weft/chassis/load-contract';
import { createLogger } from '@weft/chassis/logger';
import { createAuthority, type Authority } from '@weft/chassis/testing/certificates';
import { eventually } from '@weft/chassis/testing/eventually';
import { startEtcd, type EtcdServer } from '@weft/chassis/testing/servers';
import { tlsIdentity } from '@weft/chassis/testing/tls';
import { openEdge } from '../open-edge.ts';
import { greeterContract, nextGreeterContract, startGreeter, zooContract } from '../testing/greeter.ts';
import { send } from '../testing/http.ts';
import { compileProtos } from '../testing/schema.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const ends: (() => unknown)[] = [];
let etcd: EtcdServer;
let authority: Authority;
let prefixes = 0;
let registry: string;
let access: Awaited<ReturnType<typeof registryFiles>>;
const folder = mkdtempSync(join(tmpdir(), 'weft-edge-registry-'));

// etcd asks for a certificate: the edge and the instances show theirs.
beforeAll(async () => {
  authority = await createAuthority();
  access = await registryFiles();
  etcd = await startEtcd({ tls: access });
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});
afterAll(async () => {
  await etcd.stop();
  rmSync(folder, { recursive: true });
});

async function registryFiles() {
  const { ca, cert, key } = await authority.issue('etcd');
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  return { caFile: file('ca', ca), certFile: file('crt', cert), keyFile: file('key', key) };
}

/** An instance over mutual TLS, registered as a workload's; `leave` takes it out and ends it. */
async function instance(contract: Contract, services: readonly string[], workload = 'greeter') {
  const identity = await authority.issue(workload);
  const upstream = await startGreeter(contract, { identity });
  const { port } = upstream;
  const startedAt = new Date().toISOString();
  const registration = etcdRegistry(registry, { logger, access }).register(
    { id: `${workload}-${port}`, address: `127.0.0.1:${port}`, zone: '', weight: 1, version: '', startedAt },
    services,
  );
  let left = false;
  const leave = async () => {
    if (left) return;
    left = true;
    await registration.deregister();
    upstream.stop();
  };
  ends.push(leave);
  return { leave };
}

async function open(cacheDir?: string) {
  const lines: string[] = [];
  const edge = await openEdge({
    registry,
    registryAccess: access,
    cacheDir,
    security: { kind: 'mesh', tls: await tlsIdentity(authority, 'edge') },
    logger: createLogger({ name: 'edge' }, { write: (line) => void lines.push(line) }),
  });
  const port = await edge.listen('127.0.0.1', 0);
  ends.push(async () => {
    await edge.drain(100);
    await edge.close();
  });
  const get = (path: string, headers: Record<string, string> = {}) =>
    send(`http://127.0.0.1:${port}`, 'GET', path, { headers });
  return { edge, get, logged: (part: string) => lines.filter((line) => line.includes(part)) };
}

function newRegistry(): void {
  registry = `${etcd.url}/${(prefixes += 1)}`;
}

test('a service that is registered gets its routes with no restart, and a deploy brings its new ones', async () => {
  newRegistry();
  const { edge, get } = await open();
  expect((await get('/v1/hello/ada')).status).toBe(503);
  const old = await instance(greeterContract(), ['acme.v1.Greeter']);
  await eventually(async () => expect((await get('/v1/hello/ada')).json).toEqual({ text: 'hello ada' }));
  expect((await get('/v1/animals/cat')).status).toBe(404);

  await instance(zooContract(), ['zoo.v1.Zoo'], 'zoo');
  await eventually(async () => expect((await get('/v1/animals/cat')).json).toEqual({ text: 'a cat' }));
  expect((await get('/v1/bye/ada')).status).toBe(404);

  await instance(nextGreeterContract(), ['acme.v1.Greeter']);
  await old.leave();
  await eventually(async () => expect((await get('/v1/bye/ada')).json).toEqual({ text: 'bye ada' }));
  expect((await get('/v1/hello/ada')).status).toBe(200);
  expect(edge.status()).toEqual({ ok: true, detail: '' });
});

test('a newcomer whose routes are taken is left out with the reason, and comes in when they are free', async () => {
  newRegistry();
  const { edge, get, logged } = await open();
  await instance(greeterContract(), ['acme.v1.Greeter']);
  await eventually(async () => expect((await get('/v1/hello/ada')).status).toBe(200));
  await instance(zooContract('/v1/hello/{text}'), ['zoo.v1.Zoo'], 'zoo');
  await eventually(() => expect(edge.status().detail).toContain('zoo.v1.Zoo: the routes have 1 fault'));
  expect(logged('cannot be served')).toHaveLength(1);
  expect((await get('/v1/hello/ada')).json).toEqual({ text: 'hello ada' });

  await instance(zooContract(), ['zoo.v1.Zoo'], 'zoo');
  await eventually(async () => expect((await get('/v1/animals/cat')).json).toEqual({ text: 'a cat' }));
  expect(edge.status().detail).toBe('');
});

test('a service whose instances are all gone keeps its routes, and answers UNAVAILABLE', async () => {
  newRegistry();
  const { get } = await open();
  const only = await instance(greeterContract(), ['acme.v1.Greeter']);
  await eventually(async () => expect((await get('/v1/hello/ada')).status).toBe(200));
  await only.leave();
  await eventually(async () => {
    const { status, json } = await get('/v1/hello/ada', { 'x-server-timeout': '0.2' });
    expect([status, json.error.status]).toEqual([503, 'UNAVAILABLE']);
  });
});

test('two versions of a file that services share: the one that has all of the other is taken', async () => {
  newRegistry();
  const shared = (fields: string) =>
    `syntax = "proto3"; package shared.v1; message Note { string text = 1; ${fields} }`;
  const service = (name: string) => `syntax = "proto3"; package ${name}.v1;
    import "google/api/annotations.proto"; import "shared/v1/note.proto";
    service Notes { rpc Say(shared.v1.Note) returns (shared.v1.Note) {
      option (google.api.http) = {post: "/v1/${name}" body: "*"}; } }`;
  const contract = (name: string, fields: string) =>
    loadContract(
      compileProtos({ [`${name}/v1/notes.proto`]: service(name), 'shared/v1/note.proto': shared(fields) }),
    );
  const { edge, logged } = await open();
  await instance(contract('older', ''), ['older.v1.Notes'], 'older');
  await instance(contract('newer', 'string more = 2;'), ['newer.v1.Notes'], 'newer');
  await instance(contract('other', 'int32 other = 2;'), ['other.v1.Notes'], 'other');
  await eventually(() => expect(edge.schema.rpcs.size).toBe(3));
  await eventually(() => expect(logged('contradict each other')).toHaveLength(1));
  expect(logged('contradict each other')[0]).toContain(
    'shared/v1/note.proto of newer.v1.Notes and of other.v1.Notes',
  );
});

test('nobody takes a service over from the workload that the schema named first', async () => {
  newRegistry();
  const servedBy = (workload: string, more = '') =>
    loadContract(
      compileProtos({
        'bank/v1/bank.proto': `syntax = "proto3"; package bank.v1;
          import "google/api/annotations.proto"; import "weft/v1/options.proto";
          message Text { string text = 1; }
          service Bank { option (weft.v1.served_by) = "${workload}";
            rpc Get(Text) returns (Text) {
              option (google.api.http) = {get: "/v1/bank/{text}"}; option (weft.v1.access) = {public: true}; }
            ${more} }`,
      }),
    );
  const { edge, get } = await open();
  await instance(servedBy('bank'), ['bank.v1.Bank'], 'bank');
  await eventually(async () => expect((await get('/v1/bank/x')).json).toEqual({ text: 'a x' }));
  const thief = await instance(servedBy('thief'), ['bank.v1.Bank'], 'thief');
  await eventually(() => expect(edge.mesh.instances('bank.v1.Bank')).toHaveLength(2));
  for (let i = 0; i < 10; i += 1) expect((await get('/v1/bank/x')).status).toBe(200);
  const states = edge.mesh.instances('bank.v1.Bank').filter((one) => one.id.startsWith('thief'));
  expect(states).toEqual([expect.objectContaining({ ready: false })]);
  expect(edge.schema.contract.methods.get('/bank.v1.Bank/Get')?.servedBy).toBe('bank');
  await thief.leave();
});

test('etcd away at the start: the instances known from before are asked', async () => {
  newRegistry();
  const cacheDir = mkdtempSync(join(tmpdir(), 'edge-registry-'));
  ends.push(() => rmSync(cacheDir, { recursive: true }));
  await instance(greeterContract(), ['acme.v1.Greeter']);
  const first = await open(cacheDir);
  await eventually(async () => expect((await first.get('/v1/hello/ada')).status).toBe(200));
  await first.edge.close();
  const known = registry;
  registry = known.replace(/:\/\/[^/]+/, '://127.0.0.1:1');
  const second = await open(cacheDir);
  await eventually(async () => expect((await second.get('/v1/hello/ada')).status).toBe(200));
  registry = known;
});
