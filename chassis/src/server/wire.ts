import type {
  sendUnaryData,
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
} from '@grpc/grpc-js';
import { once } from 'node:events';
import { toStatus } from '../rpc-status.ts';
import { peerNames, sessionOf, streamOf } from './peer.ts';
import { gzipMetadata, type Compression } from './compression.ts';
import { refusalStatus } from './admission/refusal.ts';
import { ServedCall, type Peer, type ServedMethod, type Wire } from './served-call.ts';

/** Takes a call that has come. */
export type Serve = (call: ServedCall) => void;

type Unary = ServerUnaryCall<Buffer, Buffer> | ServerReadableStream<Buffer, Buffer>;
type Stream = ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>;

/** grpc-js's handler of a method that answers one message. */
export function unaryHandler(method: ServedMethod, domain: string, serve: Serve, compression?: Compression) {
  return (call: Unary, callback: sendUnaryData<Buffer>): void => {
    const request = 'request' in call ? call.request : call;
    const served = new ServedCall(
      method,
      call.metadata,
      request,
      unaryWire(call, callback, domain, compression),
      call.getDeadline(),
      peerOf(call),
    );
    call.on('cancelled', () => served.lost());
    serve(served);
  };
}

/** grpc-js's handler of a method that answers a stream. */
export function streamHandler(method: ServedMethod, domain: string, serve: Serve, compression?: Compression) {
  return (call: Stream): void => {
    const request = Symbol.asyncIterator in call ? call : call.request;
    const served = new ServedCall(
      method,
      call.metadata,
      request,
      streamWire(call, domain, compression),
      call.getDeadline(),
      peerOf(call),
    );
    call.on('cancelled', () => served.lost());
    serve(served);
  };
}

/** Read when it is asked for. */
function peerOf(call: Unary | Stream): Peer {
  return { names: () => peerNames(call), connection: () => sessionOf(call) };
}

function unaryWire(
  call: Unary,
  callback: sendUnaryData<Buffer>,
  domain: string,
  compression: Compression | undefined,
): Wire {
  let answer: Buffer | undefined;
  return {
    send(message) {
      answer = message;
      if (compression?.accepted(streamOf(call)) !== true) return;
      answer = compression.compress(message);
      if (answer !== message) call.sendMetadata(gzipMetadata);
    },
    end(error) {
      if (error === undefined) callback(null, answer);
      else callback(refusalStatus(error) ?? toStatus(error, domain));
    },
  };
}

function streamWire(call: Stream, domain: string, compression: Compression | undefined): Wire {
  let begun = false;
  let compress: Compression['compress'] | undefined;
  return {
    send(message) {
      if (call.destroyed) return;
      if (compression !== undefined && !begun) {
        begun = true;
        if (compression.accepted(streamOf(call))) {
          compress = compression.compress;
          call.sendMetadata(gzipMetadata);
        }
      }
      if (call.write(compress === undefined ? message : compress(message))) return;
      return roomIn(call);
    },
    end(error) {
      // grpc-js ends the stream with the status of an emitted error.
      if (error === undefined) call.end();
      else if (!call.destroyed) call.emit('error', refusalStatus(error) ?? toStatus(error, domain));
    },
  };
}

/** Resolves when the caller has read enough for more, or is gone. */
async function roomIn(call: Stream): Promise<void> {
  const gone = new AbortController();
  const { signal } = gone;
  const ends = ['drain', 'close', 'cancelled'].map((event) => once(call, event, { signal }));
  try {
    await Promise.race(ends);
  } finally {
    gone.abort();
    await Promise.allSettled(ends);
  }
}
