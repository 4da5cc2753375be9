import { HttpClient } from '../system/http-client.ts';
import type { PrivateSystem } from '../system/private-system.ts';
import { databaseOf, services, type Admin, type Service } from './admin.ts';
import type { Market } from './market.ts';
import { templateOf, type Template } from './template.ts';

/** What a service sends to its database for one purpose: the round trips of a transaction, or one statement. */
export interface Exchange {
  readonly service: Service;
  readonly packets: readonly Template[];
  /** Delivered messages are deleted in batches, so a replay has to gather them too. */
  readonly acknowledges: boolean;
}

/** All that one order makes the services send, with slots for its ids. */
export interface RecordedOrder {
  readonly exchanges: readonly Exchange[];
  /** Of the messages. */
  readonly messages: readonly string[];
  /** One of each for BEGIN, COMMIT and whatever is between them. */
  readonly statements: number;
}

interface Logged {
  readonly user: string;
  readonly thread: string;
  readonly text: string;
}

/** Places an order, and takes from the database's own log what the services sent for it; nothing else may run. */
export async function recordOrder(
  system: PrivateSystem,
  market: Market,
  admin: Admin,
): Promise<RecordedOrder> {
  const client = new HttpClient(system.url, 1);
  await admin.run(`SET GLOBAL log_output = 'TABLE'`);
  await admin.run('TRUNCATE mysql.general_log');
  await admin.run('SET GLOBAL general_log = 1');
  const { id } = await market.place(client, 0);
  await admin.decided(10_000);
  await admin.delivered(10_000);
  await admin.run('SET GLOBAL general_log = 0');
  client.close();
  const logged = await admin.rows<Logged>(
    `SELECT SUBSTRING_INDEX(user_host, '[', 1) AS user, thread_id AS thread,
      CONVERT(argument USING utf8mb4) AS text FROM mysql.general_log WHERE command_type = 'Query'`,
  );
  const hex = (uuid: string | undefined) => (uuid ?? '').replaceAll('-', '').toLowerCase();
  const known = new Map([
    [hex(id), 'saga'],
    [hex(market.products[0]), 'product'],
    [hex(market.buyers[0]?.id), 'account'],
  ]);
  return withSlots(exchangesOf(logged), known);
}

interface Raw {
  readonly service: Service;
  readonly packets: readonly string[];
}

/** Transactions whole, in the order of their beginnings. */
function exchangesOf(logged: readonly Logged[]): Raw[] {
  const raw: { service: Service; packets: string[] }[] = [];
  const open = new Map<string, string[]>();
  for (const { user, thread, text } of logged) {
    const service = services.find((name) => user === databaseOf(name));
    if (service === undefined) continue;
    const transaction = open.get(thread);
    const packets = transaction ?? [];
    packets.push(text);
    if (transaction === undefined) raw.push({ service, packets });
    if (text.startsWith('BEGIN;')) open.set(thread, packets);
    if (/(^|; )(COMMIT|ROLLBACK)$/.test(text)) open.delete(thread);
  }
  return raw;
}

/** Those that name the order or something of its; every id that is new with an order becomes a slot. */
function withSlots(all: readonly Raw[], known: ReadonlyMap<string, string>): RecordedOrder {
  const naming = (ids: Iterable<string>) => {
    const pattern = new RegExp([...ids].join('|'));
    return all.filter(({ packets }) => packets.some((text) => pattern.test(text)));
  };
  const names = new Map(known);
  for (const { packets } of naming(known.keys()))
    for (const [, id = ''] of packets.join().matchAll(/X'([0-9a-f]{32})'/g))
      if (!names.has(id)) names.set(id, `message${names.size}`);
  const exchanges = naming(names.keys());
  const text = exchanges.flatMap(({ packets }) => packets);
  return {
    exchanges: exchanges.map(({ service, packets }) => ({
      service,
      packets: packets.map((packet) => templateOf(packet, names)),
      acknowledges: packets[0]?.startsWith('DELETE FROM saga_outbox') === true,
    })),
    messages: [...names.values()].filter((name) => name.startsWith('message')),
    statements: text.reduce((sum, packet) => sum + packet.split('; ').length, 0),
  };
}
