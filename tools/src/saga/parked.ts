import type { QueuedMessage } from '@weft/proto/weft/v1/saga_operations';
import { messageTable } from './message-table.ts';
import { chosen, json, say } from './output.ts';
import type { Values } from './options.ts';
import { Operations } from './peer.ts';
import type { SagaServices } from './services.ts';

/** `weft saga parked` */
export async function parked(services: SagaServices, values: Values): Promise<number> {
  const state = values.pending === true ? 'pending' : 'parked';
  const all = await Promise.all(
    chosen(services, values).map(async ({ workload, peer }) => {
      const messages: (QueuedMessage & { workload: string })[] = [];
      let pageToken = '';
      do {
        const request = { state, target: values.target ?? '', pageSize: 1_000, pageToken };
        const page = await peer.call(Operations.listMessages, request);
        messages.push(...page.messages.map((message) => ({ workload, ...message })));
        pageToken = page.nextPageToken;
      } while (pageToken !== '');
      return messages;
    }),
  );
  const messages = all.flat();
  if (values.json === true) say(messages.map((message) => `${json(message)}\n`).join(''));
  else say(messages.length === 0 ? 'none\n' : messageTable(messages));
  return 0;
}
