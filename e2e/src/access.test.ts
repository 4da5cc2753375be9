import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createAuthority } from '@weft/chassis/testing/certificates';
import { contracts } from '@weft/tools/grpc-call';
import { writePrivate } from '@weft/tools/private-file';
import { startSystem, type System } from '@weft/tools/system';
import { services as served } from '@weft/tools/workloads';
import { rulesOfTheShop, verdict, type RuleText } from './contract-rules.ts';
import { rawCall, rawClient, readIdentity, type RawIdentity } from './raw-call.ts';
import { Rest, until, type Json } from './rest.ts';

// Who may call what: every caller by every method, on the running shop, and what the contract's text says of it.

/** `make prove` rotates for a minute, every 5 s. */
const rotations = Number(process.env['ROTATIONS'] ?? 1);
const pauseMs = Number(process.env['ROTATE_EVERY_MS'] ?? 500);
const rules = rulesOfTheShop();
const services = served.map(({ name }) => name);
const open = [
  '/grpc.health.v1.Health/Check',
  '/grpc.health.v1.Health/List',
  '/grpc.health.v1.Health/Watch',
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
];
/** Of every service that takes part in sagas, for the operator alone. */
const operations = [...contracts().methods.keys()].filter((path) =>
  path.startsWith('/weft.v1.SagaOperationsService/'),
);
let system: System;
let rest: Rest;
let users: readonly {
  readonly name: string;
  readonly token: string | undefined;
  readonly roles: string[] | undefined;
}[];
const identities = new Map<string, RawIdentity>();

beforeAll(async () => {
  system = await startSystem();
  rest = new Rest(system.edgeUrl);
  users = [
    { name: 'nobody', token: undefined, roles: undefined },
    { name: 'a user', token: (await rest.person()).token, roles: [] },
    {
      name: 'an admin',
      token: await rest.signIn(system.admin.email, system.admin.password),
      roles: ['admin'],
    },
  ];
  for (const name of [...services, 'edge', 'operator'] as const)
    identities.set(name, readIdentity(system.identity(name)));
  const { ca } = system.identity('edge');
  const existing = { ca: readFileSync(ca, 'utf8'), key: readFileSync(join(dirname(ca), 'ca.key'), 'utf8') };
  identities.set('stranger', await (await createAuthority({ existing })).issue('stranger'));
}, 120_000);

afterAll(async () => {
  await system?.stop();
}, 60_000);

const portOf = (workload: string) => system.process(workload).port;

test('the text of the contracts has every method that is served', () => {
  const known = [...contracts().methods.keys()].filter((path) => path.startsWith('/shop.'));
  expect(rules.map(({ path }) => path).sort()).toEqual(known.sort());
  expect(new Set(rules.map(({ servedBy }) => servedBy))).toEqual(new Set(services));
});

test('by gRPC, each workload with each user gets exactly what the contract says of each method', async () => {
  const wrong: string[] = [];
  let cells = 0;
  for (const [workload, identity] of identities) {
    const clients = new Map(services.map((name) => [name as string, rawClient(portOf(name), identity)]));
    for (const { name, token, roles } of users) {
      const ask = async (service: string, path: string, expected: string) => {
        const client = clients.get(service);
        if (client === undefined) throw new Error(`nobody serves ${path}`);
        const found = await rawCall(client, path, token);
        cells += 1;
        if (found !== expected) wrong.push(`${workload}, ${name}, ${path}: ${found}, not ${expected}`);
      };
      await Promise.all([
        ...rules.map((rule) => ask(rule.servedBy, rule.path, verdict(rule, { workload, roles }))),
        ...open.flatMap((path) => services.map((service) => ask(service, path, 'allowed'))),
        ...operations.flatMap((path) =>
          services.map((service) =>
            ask(service, path, workload === 'operator' ? 'allowed' : 'CALLER_NOT_ALLOWED'),
          ),
        ),
      ]);
    }
    for (const client of clients.values()) client.close();
  }
  process.stderr.write(`figures: ${cells} callers × methods by gRPC, ${wrong.length} of them wrong\n`);
  expect(wrong).toEqual([]);
  expect(operations.length).toBeGreaterThan(5);
  const everywhere = (open.length + operations.length) * services.length;
  expect(cells).toBe(identities.size * users.length * (rules.length + everywhere));
}, 60_000);

test('without a certificate of the mesh nobody gets to any method', async () => {
  const { ca } = identities.get('operator') ?? { ca: '' };
  const foreign = await (await createAuthority()).issue('edge');
  for (const identity of [{ ca }, { ...foreign, ca }])
    for (const service of services) {
      const client = rawClient(portOf(service), identity);
      const own = rules.filter(({ servedBy }) => servedBy === service).map(({ path }) => path);
      const all = [...own, ...open, ...operations];
      const found = await Promise.all(all.map((path) => rawCall(client, path, users[2]?.token, 3_000)));
      client.close();
      expect(new Set(found)).toEqual(new Set(['code 14']));
    }
}, 60_000);

test('through the edge, by Connect, each user gets what the contract says, and internal methods are not there', async () => {
  const wrong: string[] = [];
  for (const { name, token, roles } of users)
    await Promise.all(
      rules.map(async (rule) => {
        const expected = overHttp(verdict(rule, { workload: '', roles }), rule);
        const found = await connect(rule, token);
        if (found !== expected) wrong.push(`${name}, ${rule.path}: ${found}, not ${expected}`);
      }),
    );
  expect(wrong).toEqual([]);
}, 60_000);

test('through the edge, by REST, each user gets what the contract says', async () => {
  const wrong: string[] = [];
  const routed = rules.flatMap((rule) => rule.routes.map((route) => ({ rule, route })));
  expect(routed.length).toBeGreaterThan(15);
  for (const { name, token, roles } of users)
    await Promise.all(
      routed.map(async ({ rule, route }) => {
        const expected = overHttp(verdict(rule, { workload: '', roles }), rule);
        const [method = '', template = ''] = route.split(' ');
        const path = template.replaceAll(/\{[^}]+\}/g, '0198c2a5-7d4e-7b5a-8f00-000000000000');
        const { status } = await rest.call(method, path, {
          token,
          ...(method === 'GET' ? {} : { body: {} }),
        });
        const found = status === 401 ? 'unauthenticated' : status === 403 ? 'permission_denied' : 'allowed';
        if (found !== expected) wrong.push(`${name}, ${route}: ${status}, not ${expected}`);
      }),
    );
  expect(wrong).toEqual([]);
}, 60_000);

test('certificates and then their authority are replaced in all processes under load: no request fails', async () => {
  const folder = dirname(system.identity('edge').ca);
  const logs = join(dirname(folder), 'log');
  const workloads = [...services, 'edge'] as const;
  const authority = await createAuthority({
    existing: {
      ca: readFileSync(join(folder, 'ca.pem'), 'utf8'),
      key: readFileSync(join(folder, 'ca.key'), 'utf8'),
    },
  });
  const next = await createAuthority();
  const replaced = (name: string) =>
    readFileSync(join(logs, `${name}.log`), 'utf8').split('the certificate was replaced').length;
  /** Writes a file of each process, or a pair for each, and waits until all have read it. */
  const step = async (write: (name: (typeof workloads)[number]) => Promise<void>) => {
    const before = new Map(workloads.map((name) => [name, replaced(name)]));
    await Promise.all(workloads.map((name) => write(name)));
    await until(
      async () => workloads.filter((name) => replaced(name) === before.get(name)),
      (waiting) => waiting.length === 0,
      20_000,
    );
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  };
  const leaves = (by: typeof authority) => async (name: (typeof workloads)[number]) => {
    const { cert, key } = await by.issue(name);
    writePrivate(system.identity(name).key, key);
    writePrivate(system.identity(name).cert, cert);
  };
  const trusted = (bundle: string) => async (name: string) => {
    if (name === 'edge') writePrivate(join(folder, 'ca.pem'), bundle);
  };
  let running = true;
  let asked = 0;
  const failures: string[] = [];
  const buyer = await rest.person(100);
  const product = await rest.product(users[2]?.token ?? '', 1, 10_000);
  const order = { items: [{ productId: product.id, quantity: 1 }] };
  const loads = Array.from({ length: 6 }, async (_, index) => {
    while (running) {
      const answer =
        index === 0
          ? await rest.post('/v1/orders', order, buyer.token)
          : await rest.get(index % 2 === 0 ? '/v1/wallet' : '/v1/orders', buyer.token);
      asked += 1;
      if (answer.status !== 200) failures.push(`${answer.status} ${JSON.stringify(answer.body)}`);
      if (index === 0) await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });
  for (let rotation = 0; rotation < rotations; rotation += 1) await step(leaves(authority));
  await step(trusted(`${authority.ca}\n${next.ca}`));
  await step(leaves(next));
  await step(trusted(next.ca));
  running = false;
  await Promise.all(loads);
  process.stderr.write(
    `figures: ${asked} requests over ${rotations} rotations and a new authority, ${failures.length} failed\n`,
  );
  expect(failures).toEqual([]);
  expect(asked).toBeGreaterThan(100);
  const stale = rawClient(portOf('catalog'), identities.get('operator') ?? { ca: '' });
  expect(await rawCall(stale, '/grpc.health.v1.Health/Check', undefined, 2_000)).toBe('code 14');
  stale.close();
}, 240_000);

/** What a refusal is to a client of the edge, by Connect's names of codes. */
function overHttp(reason: string, { access }: RuleText): string {
  if (access.services.length > 0 || reason === 'ACCESS_DENIED') return 'unimplemented';
  if (reason === 'TOKEN_REQUIRED') return 'unauthenticated';
  return reason === 'allowed' ? reason : 'permission_denied';
}

async function connect({ path, streams }: RuleText, token: string | undefined): Promise<string> {
  const json = Buffer.from('{}');
  const answer = await fetch(system.edgeUrl + path, {
    method: 'POST',
    headers: {
      'content-type': streams ? 'application/connect+json' : 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: streams ? Buffer.concat([Buffer.from([0, 0, 0, 0, json.length]), json]) : json,
    signal: AbortSignal.timeout(5_000),
  });
  // Of a stream, the last of its messages; of all else, the whole body.
  const text = await answer.text();
  const error: Json = /"code":"(\w+)"/.exec(text)?.[1];
  if (answer.status === 404 && error === undefined) return 'unimplemented';
  return ['unauthenticated', 'permission_denied', 'unimplemented'].includes(error) ? error : 'allowed';
}
