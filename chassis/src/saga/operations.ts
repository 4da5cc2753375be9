import { SagaOperationsServiceService } from '@weft/proto/weft/v1/saga_operations';
import type { CallContext } from '../call-context.ts';
import { bytesToUuid } from '../data/uuid.ts';
import { invalidArgument } from '../errors.ts';
import { implement, type Implementation } from '../server/implement.ts';
import { checkBooks } from './book-check.ts';
import type { Books } from './books.ts';
import { listChanges } from './changes.ts';
import type { SagaParts } from './parts.ts';
import { listMessages, redrive, type Which } from './queued-messages.ts';
import { listSagas } from './saga-list.ts';
import { readRecords } from './saga-records.ts';

const mostSagas = 200;

/**
 * weft.v1.SagaOperationsService of a service: what an operator sees and does of its sagas. Every call but those of
 * an auditor, who asks all the time, is logged with the workload that made it. `books` is asked for at each call.
 */
export function sagaOperations<DB>(parts: SagaParts<DB>, books: () => Books<DB>): Implementation {
  const { contract, workload, instanceId, database, logger } = parts;
  const { kysely } = database;
  const methods = [...contract.methods.values()].filter(({ saga }) => saga !== undefined);
  const targets = [...new Set(methods.map(({ service }) => service))];
  const decided = methods.flatMap(({ saga, servedBy }) =>
    saga?.kind === 'START' && servedBy === workload ? [saga.name] : [],
  );
  const note = ({ caller }: CallContext, what: Readonly<Record<string, unknown>>) =>
    logger.info({ operator: caller, ...what }, 'an operator looked at sagas');

  return implement(SagaOperationsServiceService, {
    async describeSagas() {
      return {
        workload,
        instance: instanceId,
        methods: methods.map(({ path, servedBy, saga }) => ({
          saga: saga?.name ?? '',
          kind: saga?.kind ?? '',
          method: path.slice(1),
          servedBy: servedBy ?? '',
          sealed: saga?.final !== undefined,
          must: (saga?.must ?? []).map((method) => method.slice(1)),
        })),
      };
    },
    async listSagas(request, context) {
      note(context, { states: request.states });
      return listSagas(kysely, request, decided);
    },
    async batchGetSagas({ sagaIds }) {
      if (sagaIds.length > mostSagas)
        throw invalidArgument({ field: 'saga_ids', description: `must be ${mostSagas} at most` });
      const ids = sagaIds.map((id, at) => uuid(id, `saga_ids[${at}]`));
      return { sagas: await readRecords(database, workload, books(), [...new Set(ids)]) };
    },
    async listMessages(request, context) {
      note(context, { messages: request.state });
      return listMessages(kysely, request, targets);
    },
    async redriveMessages({ which }, { caller }) {
      if (which === undefined) throw invalidArgument({ field: 'which', description: 'must be set' });
      if (which.$case !== 'target') uuid(which.value, which.$case === 'sagaId' ? 'saga_id' : 'message_id');
      const messages = await database.transaction((tx) => redrive(tx, which as Which), { idempotent: true });
      for (const { sagaId, messageId, method, kind, attempts, lastCode, lastError } of messages)
        logger.warn(
          {
            operator: caller,
            sagaId: bytesToUuid(sagaId),
            msgId: messageId.toString('hex'),
            method,
            kind,
            attempts,
            lastCode,
            lastError,
          },
          'an operator sends a parked message again',
        );
      return { messages };
    },
    listChanges: (request) => listChanges(kysely, request),
    checkBooks: ({ pageSize, pageToken }) => checkBooks(kysely, books(), decided, { pageSize, pageToken }),
  });
}

function uuid(bytes: Uint8Array, field: string): string {
  if (bytes.byteLength !== 16) throw invalidArgument({ field, description: 'must be a UUID, 16 bytes' });
  return bytesToUuid(bytes);
}
