import type { QueuedMessage, RedriveMessagesRequest } from '@weft/proto/weft/v1/saga_operations';
import { messageTable } from './message-table.ts';
import { chosen, idBytes, json, say } from './output.ts';
import { UsageError, type Values } from './options.ts';
import { Operations } from './peer.ts';
import type { SagaServices } from './services.ts';

/** As many as a service sends again by one call. */
const atOnce = 1_000;

/** `weft saga redrive`: exits 1 when there was nothing to send again. */
export async function redrive(
  services: SagaServices,
  values: Values,
  argument: string | undefined,
): Promise<number> {
  const which = whichOf(values, argument);
  const all = await Promise.all(
    chosen(services, values).map(async ({ workload, peer }) => {
      const messages: (QueuedMessage & { workload: string })[] = [];
      for (;;) {
        const answer = await peer.call(Operations.redriveMessages, { which });
        messages.push(...answer.messages.map((message) => ({ workload, ...message })));
        if (answer.messages.length < atOnce) return messages;
      }
    }),
  );
  const messages = all.flat();
  if (messages.length === 0) throw new Error('no such message is parked');
  if (values.json === true) say(messages.map((message) => `${json(message)}\n`).join(''));
  else
    say(
      `${messageTable(messages)}\n${messages.length} sent again; ./weft saga parked shows what comes back\n`,
    );
  return 0;
}

function whichOf(values: Values, argument: string | undefined): NonNullable<RedriveMessagesRequest['which']> {
  const given = [argument, values.message, values.target].filter((each) => each !== undefined);
  if (given.length !== 1) throw new UsageError('redrive needs one of <saga>, --message and --target');
  if (values.target !== undefined) return { $case: 'target', value: values.target };
  if (values.message !== undefined) return { $case: 'messageId', value: idBytes('message', values.message) };
  return { $case: 'sagaId', value: idBytes('saga', argument) };
}
