import type { IncomingMessage, ServerResponse } from 'node:http';

const timers = new WeakMap<IncomingMessage, NodeJS.Timeout>();

/** Gives a request `timeoutMs` to arrive in full; `late` is called if it does not. */
export function limitArrival(
  request: IncomingMessage,
  response: ServerResponse,
  timeoutMs: number,
  late: () => void,
): void {
  const timer = setTimeout(late, timeoutMs).unref();
  timers.set(request, timer);
  const stop = (): void => clearTimeout(timer);
  request.once('end', stop);
  response.once('close', stop);
}

/** A request that streams its messages may take as long as its call does. */
export function liftArrivalLimit(request: IncomingMessage): void {
  clearTimeout(timers.get(request));
}
