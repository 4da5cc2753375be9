import { afterAll, expect, test } from '@jest/globals';
import { eventually } from '@weft/chassis/testing/eventually';
import { json, send } from '../testing/http.ts';
import { startLibrary, type Library } from '../testing/library.ts';
import { createRateLimits } from './rate-limits.ts';

const started: Library[] = [];
afterAll(() => Promise.all(started.map((one) => one.stop())));

/** An edge that ends with the tests, and what sends to it. */
async function start(options: Parameters<typeof startLibrary>[0]) {
  const library = await startLibrary(options);
  started.push(library);
  return (method: string, path: string, sent?: Parameters<typeof send>[3]) =>
    send(library.url, method, path, sent);
}

const as = (token: string, from = '192.0.2.1') => ({
  ...json({}, { authorization: `Bearer ${token}`, 'x-forwarded-for': from }),
});
const behindProxy = { trustedProxies: ['127.0.0.1'] };

test('an address that asks too often is refused until its window ends, and told when that is', async () => {
  const call = await start({ addressRates: ['2/s'] });
  const answers = [];
  for (let i = 0; i < 3; i += 1) answers.push(await call('GET', '/v1/books/1'));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
  expect(answers.map(({ headers }) => headers['ratelimit-policy'])).toEqual(
    Array.from({ length: 3 }, () => '"address";q=2;w=1'),
  );
  expect(answers.map(({ headers }) => headers['ratelimit'])).toEqual([
    '"address";r=1;t=1',
    '"address";r=0;t=1',
    '"address";r=0;t=1',
  ]);
  const { headers, json: body } = answers[2] ?? (await call('GET', '/'));
  expect(headers['retry-after']).toBe('1');
  expect(body.error).toMatchObject({
    code: 429,
    status: 'RESOURCE_EXHAUSTED',
    message: 'too many requests: at most 2/s per address',
    details: [
      { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'RATE_LIMITED', domain: 'edge' },
      { violations: [{ subject: 'address', description: 'at most 2/s per address' }] },
      { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '1s' },
    ],
  });
  await eventually(async () => expect((await call('GET', '/v1/books/1')).status).toBe(200));
});

test('an address counts before its token is verified, and for what is not there', async () => {
  let verified = 0;
  const call = await start({
    addressRates: ['2/min'],
    tokens: {
      verify() {
        verified += 1;
        return Promise.reject(new Error('garbage'));
      },
    },
  });
  await call('GET', '/nothing');
  await call('POST', '/v1/books', as('garbage'));
  expect((await call('POST', '/v1/books', as('garbage'))).status).toBe(429);
  expect(verified).toBe(1);
});

test('clients behind a trusted proxy are told apart, those of one IPv6 network are not', async () => {
  const call = await start({ addressRates: ['1/min'], ...behindProxy });
  const from = async (address: string) =>
    (await call('GET', '/v1/books/1', { headers: { 'x-forwarded-for': address } })).status;
  expect([await from('192.0.2.1'), await from('192.0.2.2'), await from('192.0.2.1')]).toEqual([
    200, 200, 429,
  ]);
  expect([await from('2001:db8::1'), await from('2001:db8::2'), await from('2001:db8:0:1::')]).toEqual([
    200, 429, 200,
  ]);
});

test('users count each by themselves, wherever they are; a public method knows none', async () => {
  const call = await start({ userRates: ['1/min'], ...behindProxy });
  const first = await call('POST', '/v1/books', as('user'));
  expect([first.status, first.headers['ratelimit']]).toEqual([200, '"user";r=0;t=60']);
  expect((await call('POST', '/v1/books', as('user', '192.0.2.2'))).status).toBe(429);
  expect((await call('POST', '/v1/books', as('librarian'))).status).toBe(200);
  const open = await call('GET', '/v1/books/1', as('user'));
  expect([open.status, open.headers['ratelimit']]).toEqual([200, undefined]);
});

test('a route or an RPC has its own rate for each caller, HEAD counting as GET', async () => {
  const call = await start({
    routeRates: ['GET /v1/books/{id}=1/min', 'acme.v1.Library/Echo=1/min', 'POST /v1/books=1/h'],
    ...behindProxy,
  });
  const status = async (...request: Parameters<typeof call>) => (await call(...request)).status;
  expect([await status('HEAD', '/v1/books/1'), await status('GET', '/v1/books/2')]).toEqual([200, 429]);
  expect(await status('GET', '/v1/books')).toBe(200);
  // All the ways to one RPC together.
  expect([await status('POST', '/v1/echo', json({})), await status('GET', '/v1/echo')]).toEqual([200, 429]);
  // By user where there is one, else by address.
  const mine = [as('user'), as('user', '192.0.2.9'), as('librarian')];
  const statuses = [];
  for (const sent of mine) statuses.push(await status('POST', '/v1/books', sent));
  expect(statuses).toEqual([200, 429, 200]);
  expect(await status('GET', '/v1/books/1', { headers: { 'x-forwarded-for': '192.0.2.3' } })).toBe(200);
});

test('no other protocol is a way round the rate of a route', async () => {
  const call = await start({ routeRates: ['GET /v1/books/{id}=1/min'] });
  const rpc = () => call('POST', '/acme.v1.Library/GetBook', json({ id: '1' }));
  expect([(await rpc()).status, (await rpc()).status]).toEqual([200, 429]);
  expect((await call('GET', '/v1/books/1')).status).toBe(429);
});

test('several rates hold together, and a refusal by the shortest costs nothing of the others', async () => {
  const call = await start({ addressRates: ['3/min', '1/s'] });
  const first = await call('GET', '/v1/books/1');
  expect(first.headers['ratelimit-policy']).toBe('"address-s";q=1;w=1, "address-min";q=3;w=60');
  expect(first.headers['ratelimit']).toBe('"address-s";r=0;t=1, "address-min";r=2;t=60');
  let last = await call('GET', '/v1/books/1');
  expect(last.json.error.message).toBe('too many requests: at most 1/s per address');
  await eventually(async () => {
    last = await call('GET', '/v1/books/1');
    expect(last.status).toBe(200);
  });
  expect(last.headers['ratelimit']).toMatch(/"address-min";r=1;/);
});

test('without rates nothing is said of them', async () => {
  const call = await start({});
  const { headers } = await call('GET', '/v1/books/1');
  expect(Object.keys(headers).filter((name) => name.startsWith('ratelimit'))).toEqual([]);
});

test('a rate for what is not served is told of', () => {
  const served = ['GET /v1/books/{id}=1/min', 'acme.v1.Library/Echo=1/min'];
  const routeRates = [
    ...served,
    'GET /v1/boks=1/min',
    'PUT /v1/books/{id}=1/min',
    'acme.v1.Library/Eco=1/min',
  ];
  const limits = createRateLimits({ routeRates }, () => '');
  expect(limits?.withoutTarget(started[0]?.edge.schema ?? fail())).toEqual([
    'GET /v1/boks',
    'PUT /v1/books/{id}',
    'acme.v1.Library/Eco',
  ]);
});

function fail(): never {
  throw new Error('no edge was started');
}

test('a rate that is none makes no limits', () => {
  expect(() => createRateLimits({ addressRates: ['lots'] }, () => '')).toThrow('has lots, which is no rate');
  expect(() => createRateLimits({ routeRates: ['/v1=1/s'] }, () => '')).toThrow('which is no limit like');
});
