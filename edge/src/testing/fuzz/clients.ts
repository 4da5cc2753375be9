import { connect, type Socket } from 'node:net';
import { readAnswer, type RawAnswer } from './answers.ts';
import type { FuzzRequest } from './requests.ts';

const patienceMs = 10_000;
const brokenArray =
  /^(HTTP\/1\.1 100 Continue\r\n\r\n)?HTTP\/1\.1 200 [^]*\r\ncontent-type: application\/json\r\n[^]*\r\ntransfer-encoding: chunked\r\n/i;

/**
 * Sends requests one after the other on one connection without waiting, and answers with each answer. Where
 * the server closes after an answer, as it says, the rest goes over a new connection. Rejects, telling which
 * request it was, where an answer is missing or is none.
 */
export async function pipelined(
  port: number,
  requests: readonly FuzzRequest[],
  answered: (index: number, answer: RawAnswer) => void,
): Promise<void> {
  for (let next = 0; next < requests.length;) next = await oneConnection(port, requests, next, answered);
}

function oneConnection(
  port: number,
  requests: readonly FuzzRequest[],
  first: number,
  answered: (index: number, answer: RawAnswer) => void,
): Promise<number> {
  return new Promise((resolve, reject) => {
    let next = first;
    let pending: Buffer = Buffer.alloc(0);
    const socket = open(port, () =>
      socket.write(Buffer.concat(requests.slice(first).map(({ bytes }) => bytes))),
    );
    const end = (error?: unknown): void => {
      socket.removeAllListeners('close');
      socket.destroy();
      if (error === undefined) resolve(next);
      else reject(new InputError(next, error));
    };
    socket.on('data', (chunk: Buffer) => {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      try {
        for (let request = requests[next]; request !== undefined; request = requests[next]) {
          const answer = readAnswer(pending, request.bodiless);
          if (answer === undefined) return;
          answered(next, answer);
          pending = pending.subarray(answer.end);
          next += 1;
          if (answer.headers.get('connection') === 'close') return end();
        }
        end(pending.length === 0 ? undefined : new Error('more answers than requests'));
      } catch (error) {
        end(error);
      }
    });
    socket.once('close', () => {
      // How a JSON array ends that has failed in the middle.
      if (!brokenArray.test(pending.toString('latin1', 0, 2_000)))
        return end(new Error('the connection was cut'));
      next += 1;
      end();
    });
    socket.once('timeout', () => end(new Error('no answer')));
  });
}

/** Sends bytes, says that there are no more, and answers with all that came back until the server closed. */
export function closing(port: number, bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = open(port, () => socket.end(bytes));
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.once('close', () => resolve(Buffer.concat(chunks)));
    socket.once('timeout', () => {
      socket.destroy();
      reject(new Error('the connection was left open'));
    });
  });
}

/** Which of the inputs it was, and what was wrong. */
export class InputError extends Error {
  override readonly name = 'InputError';
  readonly index: number;

  constructor(index: number, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.index = index;
  }
}

function open(port: number, opened: () => void): Socket {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true }, opened);
  socket.setTimeout(patienceMs);
  // A reset is one way to close; that an answer is missing shows by itself.
  socket.on('error', () => undefined);
  return socket;
}
