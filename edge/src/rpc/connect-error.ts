import type { CodeName } from '@weft/chassis/errors';
import type { RpcError } from './rpc-error.ts';
import { unpadded } from './metadata.ts';

/** A code as Connect spells it: `not_found`, and `canceled` with one l. */
function connectCode(code: CodeName): string {
  return code === 'CANCELLED' ? 'canceled' : code.toLowerCase();
}

/** Connect's Error, to be written as JSON (connectrpc.com/docs/protocol, "Error and EndStreamResponse"). */
export function connectError({ code, message, details }: RpcError): object {
  return {
    code: connectCode(code),
    ...(message === '' ? {} : { message }),
    ...(details.length === 0
      ? {}
      : { details: details.map(({ type, value }) => ({ type, value: unpadded(value) })) }),
  };
}
