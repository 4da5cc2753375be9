/** A process that serves the toy shop, does one thing, and dies where WEFT_FAILPOINTS says. */
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { TracerProvider } from '@opentelemetry/sdk-trace';
import { execute } from '../data/statement.ts';
import { ServiceError } from '../errors.ts';
import { eventually } from '../testing/eventually.ts';
import type { Deed } from './crash-rows.test.support.ts';
import { deleteOld } from './retention.ts';
import { methods } from './toy-contract.test.support.ts';
import { lapse, openToyDatabases, undelivered, type ToyDatabases } from './toy-databases.test.support.ts';
import { ToyShop } from './toy-shop.test.support.ts';

trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [] }));
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());

const [deed, user = '', ...urls] = process.argv.slice(2) as [Deed, ...string[]];
const databases = openToyDatabases(urls as unknown as ToyDatabases['urls']);
const losesCharges = deed === 'cancel' || deed === 'expire';
let failures = deed === 'fail' ? 1 : 0;
const shop = new ToyShop(databases, {
  deadlineMs: deed === 'expire' ? 100 : 30_000,
  fate: (path) => {
    if (path !== methods.charge.path) return {};
    if (failures-- > 0) return { error: new ServiceError('UNAVAILABLE', 'DOWN', 'down') };
    return losesCharges ? { lost: 'request' } : {};
  },
});
/** On a busy machine the first connections may take their time. */
const patienceMs = 60_000;
const order = async () => {
  let id = '';
  await eventually(async () => {
    id = await trace
      .getTracer('victim')
      .startActiveSpan('order', (span) => shop.order(user, 1).finally(() => span.end()));
  }, patienceMs);
  return id;
};
const confirmed = (id: string) =>
  eventually(
    async () => (await shop.status(id)) === 'CONFIRMED' && (await undelivered(databases)) === 0,
    patienceMs,
  );

if (deed === 'claim') {
  await order();
  await lapse(databases);
  shop.run();
} else {
  shop.run();
  const id = await order();
  if (deed === 'cancel') {
    await eventually(() => shop.sent.includes(methods.charge.path), patienceMs);
    await shop.cancel(id);
  } else if (deed === 'give back') {
    await confirmed(id);
    await shop.giveBack(id, user, 1);
  } else if (deed === 'ask') {
    await confirmed(id);
    await execute(
      databases.bank.kysely,
      "UPDATE saga_step SET due_at = UTC_TIMESTAMP(3) WHERE state = 'DONE'",
    );
    await shop.sagas[2]?.reconcile();
  } else if (deed === 'forget') {
    await confirmed(id);
    await execute(databases.store.kysely, 'UPDATE saga_step SET due_at = UTC_TIMESTAMP(3) - INTERVAL 8 DAY');
    await deleteOld(databases.store.kysely, 7);
  }
}
