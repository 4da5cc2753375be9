import { setImmediate as nextTurn } from 'node:timers/promises';
import { status as grpcStatus } from '@grpc/grpc-js';
import { asBuffer } from './as-buffer.ts';
import type { StreamingAttempt } from './connection.ts';
import type { Running } from './grpc-connection.ts';

/**
 * Pulls the requests of a call one by one, each when the one before has been written, and half-closes the
 * call after the last. What they throw cancels it. Ends soon after the call does.
 */
export async function sendRequests(running: Running, requests: StreamingAttempt['requests']): Promise<void> {
  const { call } = running;
  try {
    while (!running.ended) {
      const { done, value } = await requests.next();
      if (running.ended) return;
      if (done === true) {
        call.halfClose();
        return;
      }
      await new Promise<void>((resolve) =>
        call.sendMessageWithContext({ callback: () => resolve() }, asBuffer(value)),
      );
    }
  } catch {
    // The mesh knows what they threw, and tells the reader.
    // grpc-js starts a call even so that is cancelled in the moment it was made, and nobody ends it then.
    await nextTurn();
    if (running.ended) return;
    running.cancelled = true;
    call.cancelWithStatus(grpcStatus.CANCELLED, 'the requests broke off');
  }
}
