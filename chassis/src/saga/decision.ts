import type { Transaction } from 'kysely';
import { failpoint } from './failpoints.ts';
import { writeHeader } from './header.ts';
import type { OutgoingMessage } from './outbox.ts';
import { sagaRule, type SagaParts } from './parts.ts';
import { receiveWithin } from './receive.ts';
import type { Decision, Header, MustBodies, MustMethods } from './types.ts';

/**
 * One DECIDE. The decision itself is a must of this service: the service's own row is the guard, and its
 * fence the second one. It is taken only after the row has changed, so every decider locks in that order.
 */
export class SagaDecision<DB, Musts extends MustMethods> implements Decision<DB, Musts> {
  readonly #parts: SagaParts<DB>;
  readonly #path: string;
  readonly #musts: Musts;

  constructor(parts: SagaParts<DB>, path: string, musts: Musts) {
    const declared = sagaRule(parts.contract, path, 'DECIDE').must ?? [];
    const given = Object.values(musts).map((method) => method.path);
    if (given.toSorted().join(', ') !== declared.toSorted().join(', '))
      throw new Error(
        `the contract has ${declared.join(', ')} as the must of ${path}, not ${given.join(', ')}`,
      );
    this.#parts = parts;
    this.#path = path;
    this.#musts = musts;
  }

  async decide(
    tx: Transaction<DB>,
    { sagaId, userId }: { readonly sagaId: string; readonly userId: string },
    change: () => Promise<MustBodies<Musts> | undefined>,
  ): Promise<boolean> {
    const bodies = await change();
    if (bodies === undefined) return false;
    const header: Header = { sagaId, userId, deadlineMs: Date.now(), peer: this.#parts.workload };
    const messages = this.#messages(header, bodies);
    const effect = async () => ({ messages });
    const step = this.#path;
    const { action } = await receiveWithin(this.#parts, tx, {
      kind: 'must',
      step,
      path: step,
      header,
      effect,
    });
    await failpoint('commit.before', step);
    if (action !== 'effect')
      throw new Error(`${step} of saga ${sagaId} was decided before, but the service's own row was not`);
    return true;
  }

  #messages(header: Header, bodies: MustBodies<Musts>): OutgoingMessage[] {
    return Object.entries(this.#musts).map(([name, method]) => ({
      sagaId: header.sagaId,
      step: method.path,
      path: method.path,
      kind: 'must',
      actor: header.userId,
      // The body and the header make a request; the compiler cannot see it through the generic.
      payload: method.requestSerialize({ ...bodies[name], saga: writeHeader(header) } as never),
    }));
  }
}
