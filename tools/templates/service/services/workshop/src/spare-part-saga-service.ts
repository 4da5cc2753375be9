import { invalidArgument } from '@weft/chassis/errors';
import { done, refused, type Arbiter, type Saga } from '@weft/chassis/saga/saga';
import type { Handlers } from '@weft/chassis/server/implement';
import { SparePartSagaServiceService, type ReserveNameRequest } from '@weft/proto/shop/workshop/v1/saga';
import { SparePartServiceService } from '@weft/proto/shop/workshop/v1/spare_part';
import type { SagaMessage } from '@weft/proto/weft/v1/saga';
import * as store from './spare-part-store.ts';
import { nameViolations } from './spare-part.ts';
import type { Tables } from './tables.ts';

export type SparePartArbiter = Arbiter<Tables, ReserveNameRequest, SagaMessage>;

/** Makes the row the one that decides its saga. */
export function sparePartArbiter(saga: Saga<Tables>): SparePartArbiter {
  return saga.arbiter<ReserveNameRequest, SagaMessage>({
    start: SparePartServiceService.createSparePart,
    next: SparePartSagaServiceService.reserveName,
    commit: SparePartSagaServiceService.confirm,
    abort: SparePartSagaServiceService.fail,
    outcome: SparePartSagaServiceService.getOutcome,
    confirm: (tx, _request, { sagaId }) => store.decide(tx, sagaId, 'ACTIVE'),
    reject: (tx, { sagaId }, reason) => store.decide(tx, sagaId, 'REJECTED', reason),
  });
}

/** The handlers of shop.workshop.v1.SparePartSagaService: the participant's step with its reverse, and the arbiter. */
export function sparePartSagaService(
  saga: Saga<Tables>,
  { confirm, fail, getOutcome }: SparePartArbiter,
): Handlers<SparePartSagaServiceService> {
  return {
    reserveName: saga.step(
      SparePartSagaServiceService.reserveName,
      SparePartSagaServiceService.confirm,
      async (tx, { name }, { sagaId, userId }) => {
        // A request that no caller would send must not be guessed at: INVALID_ARGUMENT parks it.
        const found = nameViolations(name);
        if (found.length > 0) throw invalidArgument(...found);
        return (await store.takeName(tx, { sagaId, userId, name })) ? done({}) : refused('NAME_TAKEN');
      },
    ),
    releaseName: saga.undo(SparePartSagaServiceService.releaseName, (tx, { sagaId }) =>
      store.freeName(tx, sagaId),
    ),
    confirm,
    fail,
    getOutcome,
  };
}
