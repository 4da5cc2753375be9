import { SagaMessage, SagaOutcome, type SagaOutcome_Decision as Decision } from '@weft/proto/weft/v1/saga';
import { runOutsideCall } from '../call-context.ts';
import { writeHeader } from './header.ts';
import type { SagaParts } from './parts.ts';
import type { Header } from './types.ts';

const patienceMs = 1_500;

/** Asks a saga's arbiter, through its OUTCOME method, what was decided. Fails as the call does. */
export async function askOutcome<DB>(
  parts: Pick<SagaParts<DB>, 'mesh'>,
  outcomePath: string,
  header: Header,
): Promise<Decision> {
  const request = SagaMessage.encode({ saga: writeHeader(header) }).finish();
  const options = { retry: false, timeoutMs: patienceMs };
  const { message } = await runOutsideCall(() => parts.mesh.unary(outcomePath, request, options));
  return SagaOutcome.decode(message).decision;
}
