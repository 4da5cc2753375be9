import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openDatabase, type Database } from '@weft/chassis/data/database';
import { execute } from '@weft/chassis/data/statement';
import { uuidToBytes } from '@weft/chassis/data/uuid';
import { clearFaults, setFault } from '@weft/tools/faults';
import { Auditor, type Round } from '@weft/tools/saga/auditor';
import { openServices, registeredAddresses, type SagaServices } from '@weft/tools/saga/services';
import { expectOk, until, type Json } from '../rest.ts';
import { folderOf, type World } from './world.ts';

type Service = 'catalog' | 'identity' | 'ordering';

const commit = 'shop.catalog.v1.StockService/Commit';
const pauseMs = 300;

/** What an operator does about sagas, and what an auditor finds that a test has broken by hand. */
export function sagas(world: () => World): void {
  const databases = new Map<Service, Database<unknown>>();
  let services: SagaServices;

  const sql = async <Row = unknown>(service: Service, text: string, parameters: unknown[] = []) => {
    const database = databases.get(service);
    if (database === undefined) throw new Error(`${service} has no database`);
    return (await execute<Row>(database.kysely, text, parameters)).rows;
  };

  /** `./weft saga …` as an operator types it. */
  const weft = (...args: string[]) => {
    const { system } = world();
    const file = fileURLToPath(import.meta.resolve('@weft/tools/weft'));
    const env = {
      ...process.env,
      WEFT_FOLDER: folderOf(system),
      ETCD_URL: system.registryUrl,
      NO_COLOR: '1',
    };
    return new Promise<{ code: unknown; out: string; err: string }>((resolve) =>
      execFile(process.execPath, [file, 'saga', ...args], { env }, (error, out, err) =>
        resolve({ code: error?.code ?? 0, out, err }),
      ),
    );
  };

  const order = async (quantity = 1): Promise<string> => {
    const { rest, buyer, product } = world();
    return (await rest.order(buyer.token, product.id, quantity)).id as string;
  };
  const confirmed = async (quantity = 1): Promise<string> => {
    const id = await order(quantity);
    expect((await world().rest.settled(world().buyer.token, id)).status).toBe('CONFIRMED');
    return id;
  };
  /** Sets a fault for a minute, and waits until the service obeys it. */
  const breaks = async (fault: Parameters<typeof setFault>[1]): Promise<void> => {
    const { system } = world();
    await setFault(system.registryUrl, fault, 60);
    await until(
      async () => (await fetch(system.readyUrl(fault.workload))).text(),
      (text) => text.includes(fault.method),
    );
  };
  /** The catalog's state of an order's step, once it is that. */
  const reserveIs = (id: string, state: string) =>
    until(
      async () =>
        (
          await sql<{ state: string }>('catalog', 'SELECT state FROM saga_step WHERE saga_id = ?', [
            uuidToBytes(id),
          ])
        )[0]?.state,
      (found) => found === state,
    );

  /** Rounds until one finds what is looked for: two are needed at least. */
  const findings = async (auditor: Auditor, wanted: (round: Round) => boolean): Promise<Round> =>
    until(() => auditor.round(), wanted, 15_000, pauseMs);
  const checks = ({ drifts }: Round) => drifts.map(({ check, key }) => `${check} ${key}`).toSorted();

  describe('sagas', () => {
    beforeAll(async () => {
      const { system } = world();
      for (const service of ['catalog', 'identity', 'ordering'] as const)
        databases.set(service, openDatabase(system.databaseUrls[service] ?? '', { connections: 2 }));
      services = await openServices(
        await registeredAddresses(system.registryUrl),
        system.identity('operator'),
        'weft.local',
      );
    });

    afterAll(async () => {
      services?.close();
      await Promise.all([...databases.values()].map((database) => database.close()));
    });

    test('an audit finds nothing while the shop is under load, and has judged every order when it is over', async () => {
      const { rest, buyer, product } = world();
      const auditor = new Auditor(services.all, { settleMs: 500 });
      const seen: Round[] = [];
      let loading = true;
      const auditing = (async () => {
        while (loading) {
          seen.push(await auditor.round());
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      })();
      const ids = await Promise.all(
        Array.from({ length: 24 }, async (_, i) => {
          const id = await order(1 + (i % 3));
          if (i % 4 === 1) await rest.post(`/v1/orders/${id}:cancel`, {}, buyer.token);
          if (i % 4 !== 2) return id;
          await rest.settled(buyer.token, id);
          // What is confirmed is cancelled: paid back and in stock again.
          expectOk(await rest.post(`/v1/orders/${id}:cancel`, {}, buyer.token));
          return id;
        }),
      );
      await Promise.all([
        ...ids.map((id) => rest.settled(buyer.token, id)),
        rest.post('/v1/orders', { items: [{ productId: product.id, quantity: 900 }] }, buyer.token),
      ]);
      loading = false;
      await auditing;
      const last = await findings(auditor, ({ inFlight, suspected }) => inFlight + suspected === 0);
      expect(seen.flatMap(({ drifts }) => drifts)).toEqual([]);
      expect(last.drifts).toEqual([]);
      const whole = await new Auditor(services.all, { settleMs: 100 }).round();
      expect(whole).toMatchObject({ drifts: [], suspected: 0, inFlight: 0 });
      expect(whole.judged).toBeGreaterThanOrEqual(ids.length);
    }, 60_000);

    test('a message that a receiver refuses is parked, shown and sent again under its id by an operator', async () => {
      const { system } = world();
      const fault = { workload: 'catalog', method: commit, delayMs: 0, rate: 1 };
      await breaks({ ...fault, error: 'INVALID_ARGUMENT' });
      const id = await confirmed();
      const parked = await until(
        () => weft('parked', '--json'),
        ({ out }) => out.includes('parked'),
        20_000,
        200,
      );
      const message = JSON.parse(parked.out.trim()) as Json;
      expect(message).toMatchObject({
        workload: 'ordering',
        method: commit,
        kind: 'final',
        lastCode: 'INVALID_ARGUMENT',
      });
      expect((await weft('show', id)).out).toMatch(/Commit +final +parked +3/);
      await clearFaults(system.registryUrl);
      await until(
        async () => {
          await weft('redrive', '--message', message.messageId);
          return (await weft('parked')).out;
        },
        (out) => out === 'none\n',
        20_000,
        500,
      );
      await reserveIs(id, 'COMMITTED');
      const [line] = (await world().logOf('ordering')).filter(
        ({ operator, msgId }) => operator !== undefined && msgId !== undefined,
      );
      expect(line).toMatchObject({ operator: 'operator', msgId: message.messageId, method: commit });
      expect(await weft('redrive', id)).toMatchObject({
        code: 1,
        err: expect.stringContaining('no such message is parked'),
      });
      const { out } = await weft('show', id);
      expect(out).toMatch(/place-order .* COMMITTED, decided by ordering/);
      expect(out).toContain('the services agree');
    }, 60_000);

    test('what is open is listed by state and age, page by page', async () => {
      const { system } = world();
      const fault = {
        workload: 'identity',
        method: 'shop.identity.v1.WalletService/Charge',
        delayMs: 0,
        rate: 1,
      };
      await breaks({ ...fault, error: 'UNAVAILABLE' });
      const ids = [await order(), await order(), await order()];
      await Promise.all(ids.map((id) => reserveIs(id, 'DONE')));
      const { out } = await weft('list', '--json', '--state', 'PENDING', '--limit', '2');
      expect(out.trim().split('\n')).toHaveLength(2);
      const pending = (await weft('list', '--state', 'PENDING')).out;
      for (const id of ids) expect(pending).toMatch(new RegExp(`${id} +ordering +place-order +PENDING`));
      expect((await weft('list', '--state', 'PENDING', '--older-than', '1h')).out).toBe('none\n');
      expect((await weft('list', '--service', 'catalog')).out).toMatch(
        new RegExp(`${ids[0]} +catalog +Reserve +DONE`),
      );
      expect(await weft('list', '--state', 'LOST')).toMatchObject({
        code: 1,
        err: expect.stringContaining('LOST is no state'),
      });
      expect(await weft('lost')).toMatchObject({
        code: 2,
        err: expect.stringContaining('no command is called lost'),
      });
      await clearFaults(system.registryUrl);
      for (const id of ids) await world().rest.settled(world().buyer.token, id);
    }, 60_000);

    test('drift that is planted by hand is found, named, published and mended', async () => {
      const { system } = world();
      const [healthy, broken] = [await confirmed(), await confirmed()];
      // More than the buyer can pay: what was held is given back.
      const undone = await order(900);
      await reserveIs(undone, 'COMPENSATED');
      const userId = (await sql<{ id: Buffer }>('ordering', 'SELECT user_id AS id FROM orders LIMIT 1'))[0]
        ?.id;
      // An outbox row that is deleted: its message is on its way for as long as the catalog is not asked.
      const fault = {
        workload: 'catalog',
        method: commit,
        delayMs: 0,
        rate: 1,
        error: 'UNAVAILABLE' as const,
      };
      await breaks(fault);
      const lost = await confirmed();
      await sql('ordering', 'DELETE FROM saga_outbox WHERE saga_id = ?', [uuidToBytes(lost)]);
      await clearFaults(system.registryUrl);

      const auditor = new Auditor(services.all, { settleMs: 100 });
      await findings(auditor, ({ inFlight }) => inFlight === 0);
      const product = uuidToBytes(world().product.id as string);
      await sql('identity', 'UPDATE wallet SET balance_minor = balance_minor + 1 WHERE account_id = ?', [
        userId,
      ]);
      await sql('catalog', 'UPDATE stock SET available = available - 1 WHERE product_id = ?', [product]);
      await sql('identity', "UPDATE saga_log SET reason = 'CHANGED' WHERE saga_id = ? AND seq = 1", [
        uuidToBytes(broken),
      ]);
      await sql(
        'catalog',
        'INSERT INTO reservation (saga_id, product_id, quantity) VALUES (?, ?, 1) ON DUPLICATE KEY UPDATE quantity = quantity',
        [uuidToBytes(undone), product],
      );
      await sql(
        'catalog',
        'UPDATE stock SET reserved = reserved + 1, available = available - 1 WHERE product_id = ?',
        [product],
      );

      const whole = new Auditor(services.all, { settleMs: 100 });
      const found = await findings(whole, ({ drifts }) => drifts.length >= 6);
      const wallet = (userId ?? Buffer.alloc(0))
        .toString('hex')
        .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
      expect(new Set(checks(found))).toEqual(
        new Set([
          `effect ${undone}`,
          `log ${broken}`,
          `step ${lost}`,
          `stock ${world().product.id}`,
          `wallet ${wallet}`,
        ]),
      );
      expect(checks(found).join()).not.toContain(healthy);
      // What is younger than 5 s is left for later.
      const cli = await until(
        () => weft('audit'),
        ({ out }) => out.includes(lost),
        20_000,
        500,
      );
      expect(cli).toMatchObject({ code: 1, out: expect.stringContaining('do not agree') });
      expect(cli.out).toMatch(new RegExp(`step +${lost} +shop.catalog.v1.StockService/Reserve COMMITTED`));
      // Each service by itself: the metric, and a line in the log.
      await until(
        async () => world().scrape('identity'),
        (text) => /^weft_saga_drift\{.*check="wallet".*\} 1$/m.test(text),
        20_000,
        500,
      );
      expect(await world().logOf('identity')).toContainEqual(
        expect.objectContaining({ alarm: true, check: 'wallet', key: wallet }),
      );

      await sql('identity', 'UPDATE wallet SET balance_minor = balance_minor - 1 WHERE account_id = ?', [
        userId,
      ]);
      await sql('identity', "UPDATE saga_log SET reason = '' WHERE saga_id = ? AND seq = 1", [
        uuidToBytes(broken),
      ]);
      await sql('catalog', 'DELETE FROM reservation WHERE saga_id = ?', [uuidToBytes(undone)]);
      await sql(
        'catalog',
        'UPDATE stock SET reserved = reserved - 1, available = available + 2 WHERE product_id = ?',
        [product],
      );
      const left = await findings(whole, ({ drifts }) => drifts.length <= 1);
      expect(checks(left)).toEqual([`step ${lost}`]);
      // The reconciler is what mends a lost message: its time has come.
      await sql(
        'catalog',
        "UPDATE saga_step SET due_at = UTC_TIMESTAMP(3) WHERE saga_id = ? AND state = 'DONE'",
        [uuidToBytes(lost)],
      );
      await findings(whole, ({ drifts }) => drifts.length === 0);
    }, 90_000);

    test('a service that is restored from an older backup is found, with every saga that it has forgotten', async () => {
      const auditor = new Auditor(services.all, { settleMs: 100 });
      const ids = [await confirmed(), await confirmed(), await confirmed()];
      await findings(auditor, ({ inFlight, suspected }) => inFlight + suspected === 0);
      const resumed = new Auditor(services.all, { settleMs: 100, state: auditor.state });
      const list = ids.map(() => '?').join();
      const keys = ids.map(uuidToBytes);
      // What identity had when these orders had not come yet: the books agree with themselves.
      await sql(
        'identity',
        `UPDATE wallet w JOIN (SELECT account_id, SUM(amount_minor) AS spent FROM ledger WHERE saga_id IN (${list}) GROUP BY account_id) l ON l.account_id = w.account_id SET w.balance_minor = w.balance_minor - l.spent`,
        keys,
      );
      for (const table of ['ledger', 'saga_step', 'saga_log'])
        await sql('identity', `DELETE FROM ${table} WHERE saga_id IN (${list})`, keys);
      const found = await findings(resumed, ({ drifts }) => drifts.length >= 7);
      expect(new Set(checks(found))).toEqual(
        new Set(['restored identity', ...ids.flatMap((id) => [`step ${id}`, `effect ${id}`])]),
      );
      const file = join(folderOf(world().system), 'audit.json');
      // What is younger than 5 s is left for later.
      await until(
        () => weft('audit', '--resume', file),
        ({ code }) => code === 1,
        20_000,
        500,
      );
      const again = await weft('audit', '--resume', file, '--json');
      expect(again.code).toBe(1);
      expect((JSON.parse(again.out) as Json).judged).toBeLessThan(ids.length + 3);
    }, 60_000);

    test('only the operator may ask a service about its sagas, and the edge does not know how', async () => {
      const { system } = world();
      const path = 'weft.v1.SagaOperationsService/ListSagas';
      const answer = await fetch(`${system.edgeUrl}/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{}',
      });
      expect(answer.status).toBe(404);
      for (const name of ['edge', 'catalog', 'identity', 'ordering'] as const) {
        const { ca, cert, key } = system.identity(name);
        const refused = await weft('list', '--ca', ca, '--cert', cert, '--key', key);
        expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('internal to the mesh') });
      }
    }, 30_000);
  });
}
