import type { Order } from './shop-api.ts';

const timeoutMs = 40_000;

/** Follows an order's stream until it ends: the order at first and after each change of its status. */
export async function watchOrder(url: string, id: string, token: string): Promise<readonly Order[]> {
  const answer = await fetch(`${url}/v1/orders/${id}:watch`, {
    headers: { authorization: `Bearer ${token}`, accept: 'application/x-ndjson' },
    signal: AbortSignal.timeout(timeoutMs),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`GET /v1/orders/${id}:watch: HTTP ${answer.status} ${text}`);
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const message = JSON.parse(line) as Order | { readonly result: Order } | { readonly error: unknown };
      if ('error' in message) throw new Error(`the stream ended with ${JSON.stringify(message.error)}`);
      return 'result' in message ? message.result : message;
    });
}
