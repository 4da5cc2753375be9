import { expect, test } from '@jest/globals';
import { eventually } from '@weft/chassis/testing/eventually';
import { networkOf } from './network.ts';
import { Quota } from './quota.ts';
import { parseRate, parseRouteRate } from './rate.ts';

test('a rate is a number of requests in a unit of time', () => {
  expect(parseRate('100/s')).toEqual({ requests: 100, unit: 's', seconds: 1 });
  expect(['5/min', '1000/h', '9/day'].map((text) => parseRate(text).seconds)).toEqual([60, 3_600, 86_400]);
});

test.each(['', '5', '/s', '0/s', '-1/s', '1.5/s', '5/m', '5/sec', '5 /s', '1e3/s', '9999999999/s'])(
  '%j is no rate',
  (text) => {
    expect(() => parseRate(text)).toThrow(`has ${text}, which is no rate like 100/s`);
  },
);

test('the rate of a route names a route or an RPC', () => {
  const rate = parseRate('5/min');
  expect(parseRouteRate('POST  /v1/sessions = 5/min')).toEqual({ route: 'POST /v1/sessions', rate });
  expect(parseRouteRate('GET /v1/{name=a/*}=5/min')).toEqual({ route: 'GET /v1/{name=a/*}', rate });
  expect(parseRouteRate('a.v1.B/C=5/min')).toEqual({ route: 'a.v1.B/C', rate });
});

test.each(['5/min', '=5/min', '/v1/sessions=5/min', 'POST=5/min', 'a.v1.B=5/min', 'a.v1.B/C', 'a.v1.B/C=5'])(
  '%j is no rate of a route',
  (text) => {
    expect(() => parseRouteRate(text)).toThrow(/^has .*, which is no (limit|rate) like /);
  },
);

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['', ''],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0DB8:0001:0002::1', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:db8:1:2:3::', '2001:db8:1:2::/64'],
  ['::1', '0:0:0:0::/64'],
  ['::', '0:0:0:0::/64'],
  ['1::2:3:4:5:6:7', '1:0:2:3::/64'],
  ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
  ['1:2:3::4:5:6:192.0.2.1', '1:2:3:4::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
])('the client at %j is %j', (address, network) => {
  expect(networkOf(address)).toBe(network);
});

test('a quota is of each key alone, and comes back when its window ends', async () => {
  const quota = new Quota(parseRate('2/s'));
  expect(await quota.take('a')).toMatchObject({ refused: false, remaining: 1 });
  expect(await quota.take('a')).toMatchObject({ refused: false, remaining: 0 });
  const { refused, resetMs } = await quota.take('a');
  expect(refused).toBe(true);
  expect(resetMs).toBeGreaterThan(0);
  expect(resetMs).toBeLessThanOrEqual(1_000);
  expect(await quota.take('b')).toMatchObject({ refused: false });
  await eventually(async () => expect(await quota.take('a')).toMatchObject({ refused: false, remaining: 1 }));
});

test('keys that come when too many are known share quotas; those that are known keep their own', async () => {
  const quota = new Quota(parseRate('3/day'), 100);
  for (let i = 0; i < 100; i += 1) await quota.take(`known ${i}`);
  let refused = 0;
  for (let i = 0; i < 20_000; i += 1) if ((await quota.take(`new ${i}`)).refused) refused += 1;
  // 1,024 quotas of 3 requests were left for them.
  expect(20_000 - refused).toBeLessThanOrEqual(3 * 1_024);
  expect(refused).toBeLessThan(20_000);
  expect(await quota.take('known 7')).toMatchObject({ refused: false, remaining: 1 });
});

test('keys are forgotten with their window, so that new ones have their own quota again', async () => {
  const quota = new Quota(parseRate('1/s'), 10);
  for (let i = 0; i < 10; i += 1) await quota.take(`old ${i}`);
  // Far more than share a quota each: only with one of their own are all of them served.
  const fresh = (round: number) =>
    Promise.all(Array.from({ length: 5_000 }, (_, i) => quota.take(`${round} ${i}`)));
  expect((await fresh(0)).some(({ refused }) => refused)).toBe(true);
  const few = async () =>
    (await Promise.all(Array.from({ length: 5 }, (_, i) => quota.take(`last ${i}`)))).every(
      ({ refused }) => !refused,
    );
  await eventually(few);
});
