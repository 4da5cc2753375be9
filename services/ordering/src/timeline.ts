import type { Mesh } from '@weft/chassis/client/mesh';
import type { Contract } from '@weft/chassis/contract';
import { uuidToBytes } from '@weft/chassis/data/uuid';
import { ServiceError } from '@weft/chassis/errors';
import { sagaGraph } from '@weft/chassis/saga/graph';
import type { Saga } from '@weft/chassis/saga/saga';
import { OrderServiceService } from '@weft/proto/shop/ordering/v1/order';
import { SagaLog, SagaMessage, type SagaEvent } from '@weft/proto/weft/v1/saga';
import type { Tables } from './tables.ts';

/** A service that is away is waited for this long, well within the time that a caller gives the whole. */
const patienceMs = 1_000;

/** Reads the log of an order's saga from all its services, oldest first. */
export type Timeline = (order: { readonly id: string; readonly userId: string }) => Promise<SagaEvent[]>;

/**
 * Who takes part is the contract's to say: every LOG method of the saga is asked. One that does not answer
 * fails the whole with UNAVAILABLE (TIMELINE_INCOMPLETE), since a timeline with a gap would tell another story.
 */
export function createTimeline(contract: Contract, mesh: Mesh, saga: Saga<Tables>): Timeline {
  const name = contract.methods.get(OrderServiceService.placeOrder.path)?.saga?.name;
  if (name === undefined) throw new Error('PlaceOrder starts no saga in this contract');
  const logs = sagaGraph(contract, name).logs.map((method) => method.path);
  return async ({ id, userId }) => {
    const request = SagaMessage.encode({
      saga: { sagaId: uuidToBytes(id), userId, deadline: undefined },
    }).finish();
    const participants = logs.map(async (path) => {
      try {
        const { message } = await mesh.unary(path, request, { timeoutMs: patienceMs });
        return SagaLog.decode(message).events;
      } catch (cause) {
        throw new ServiceError(
          'UNAVAILABLE',
          'TIMELINE_INCOMPLETE',
          'a service of the order does not answer',
          {
            cause,
          },
        );
      }
    });
    const events = await Promise.all([saga.events(id), ...participants]);
    return events.flat().toSorted(byTime);
  };
}

function byTime({ time: a }: SagaEvent, { time: b }: SagaEvent): number {
  return Number((a?.seconds ?? 0n) - (b?.seconds ?? 0n)) || (a?.nanos ?? 0) - (b?.nanos ?? 0);
}
