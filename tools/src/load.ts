import { randomUUID } from 'node:crypto';
import { env, loadConfig } from '@weft/chassis/config';
import { runTool } from './fail.ts';
import { runningShop } from './here.ts';
import { openLoop, type OpenLoopResult } from './open-loop.ts';
import { percentiles } from './percentiles.ts';
import { call } from './rest.ts';
import { euros, newPerson, signIn, type Order, type Product } from './shop-api.ts';
import { waitFor } from './wait-for.ts';

// make load RATE=50 SECONDS=60: half orders, half reads, each buyer with enough money for all.

const buyerCount = 8;
const settleTimeoutMs = 45_000;

await runTool(async () => {
  const { rate, seconds } = loadConfig({
    rate: env.integer('RATE', { default: 50, min: 1, max: 5_000 }),
    seconds: env.integer('SECONDS', { default: 60, min: 1, max: 3_600 }),
  });
  const { url, admin } = runningShop();
  const adminToken = await signIn(url, admin.email, admin.password);
  const pieces = Math.ceil((rate * seconds) / 2);
  const product = await call<Product>(url, 'POST', '/v1/products', {
    token: adminToken,
    body: { sku: `LOAD-${randomUUID()}`, name: 'A bobbin', price: euros(100), stock: { available: pieces } },
  });
  const walletCents = Math.ceil(pieces / buyerCount) * 100;
  const buyers = await Promise.all(Array.from({ length: buyerCount }, () => newPerson(url, walletCents)));
  process.stdout.write(`${rate} requests a second for ${seconds} s, half orders, half reads\n`);

  const placed: { readonly id: string; readonly token: string }[] = [];
  const placeOrder = async (index: number) => {
    const token = buyers[index % buyerCount]?.token ?? '';
    const body = { items: [{ productId: product.id, quantity: 1 }] };
    const headers = { 'idempotency-key': randomUUID() };
    placed.push({ id: (await call<Order>(url, 'POST', '/v1/orders', { token, body, headers })).id, token });
  };
  const read = async () => void (await call(url, 'GET', `/v1/products/${product.id}`));
  const [orders, reads] = await Promise.all([
    openLoop({ rate: rate / 2, seconds }, placeOrder),
    openLoop({ rate: rate / 2, seconds }, read),
  ]);
  report('orders', orders);
  report('reads', reads);

  const statuses = new Map<string, string>();
  await waitFor(
    async () => {
      for (const { id, token } of placed.filter((order) => !isFinal(statuses.get(order.id)))) {
        const { status, reason = '' } = await call<Order>(url, 'GET', `/v1/orders/${id}`, { token });
        statuses.set(
          id,
          isFinal(status) && !reason.endsWith('UNSPECIFIED') ? `${status} ${reason}`.trim() : status,
        );
      }
      return placed.every(({ id }) => isFinal(statuses.get(id)));
    },
    settleTimeoutMs,
    250,
  );
  const counts = Object.groupBy([...statuses.values()], (status) => status);
  process.stdout.write('orders by status\n');
  for (const [status, all] of Object.entries(counts))
    process.stdout.write(`  ${status.padEnd(28)} ${all?.length}\n`);
  await call(url, 'DELETE', `/v1/products/${product.id}`, { token: adminToken });
});

function isFinal(status: string | undefined): boolean {
  return status !== undefined && !status.startsWith('PENDING');
}

function report(what: string, { durationsMs, errors, dropped }: OpenLoopResult): void {
  process.stdout.write(`${what.padEnd(7)} ${durationsMs.length} answered  ${percentiles(durationsMs)}\n`);
  if (dropped > 0) process.stdout.write(`  ${dropped} not sent: too many under way\n`);
  for (const [message, count] of errors) process.stdout.write(`  ${count} × ${message}\n`);
}
