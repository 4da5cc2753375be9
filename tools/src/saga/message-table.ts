import { bytesToUuid } from '@weft/chassis/data/uuid';
import type { QueuedMessage } from '@weft/proto/weft/v1/saga_operations';
import { table } from '../table.ts';
import { age, clock, short } from './output.ts';

/** Messages of outboxes, a line each. */
export function messageTable(messages: readonly (QueuedMessage & { readonly workload: string })[]): string {
  return table([
    ['MESSAGE', 'SAGA', 'FROM', 'METHOD', 'KIND', 'STATE', 'ATTEMPTS', 'AGE', 'NEXT', 'EXPIRES', 'ERROR'],
    ...messages.map((message) => [
      message.messageId.toString('hex'),
      bytesToUuid(message.sagaId),
      message.workload,
      short(message.method),
      message.kind,
      message.state,
      String(message.attempts),
      age(message.createTime),
      clock(message.nextTime) || 'never',
      clock(message.expireTime) || 'never',
      `${message.lastCode} ${message.lastError}`.trim(),
    ]),
  ]);
}
