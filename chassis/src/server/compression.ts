import { Metadata } from '@grpc/grpc-js';
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import { gzipSync } from 'node:zlib';
import { gzipLevel } from '../client/message-framing.ts';

/** Answers above a size are compressed, for callers that say that they take it. */
export interface Compression {
  /** Sees what the calls of a connection accept, which grpc-js tells nobody. */
  readonly watch: (session: ServerHttp2Session) => void;
  /** Whether the caller of this stream takes gzip. */
  readonly accepted: (stream: ServerHttp2Stream | undefined) => boolean;
  /** The message as grpc-js is to frame it. */
  readonly compress: (message: Buffer) => Buffer;
}

export const gzipMetadata = new Metadata();
gzipMetadata.set('grpc-encoding', 'gzip');

/** Of messages longer than `aboveBytes`. */
export function createCompression(aboveBytes: number): Compression {
  const accepting = new WeakSet<object>();
  return {
    watch(session) {
      session.on('stream', (stream, headers) => {
        if (/\bgzip\b/.test(String(headers['grpc-accept-encoding']))) accepting.add(stream);
      });
    },
    accepted: (stream) => stream !== undefined && accepting.has(stream),
    compress(message) {
      if (message.length <= aboveBytes) return message;
      const compressed = gzipSync(message, { level: gzipLevel });
      return compressed.length < message.length ? (new Flagged(compressed) as unknown as Buffer) : message;
    },
  };
}

/**
 * A compressed message. grpc-js 1.14 has no compression on servers: it copies what is sent behind a prefix that says
 * "not compressed" and the length, so what is copied corrects the prefix.
 */
class Flagged {
  readonly byteLength: number;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.byteLength = bytes.length;
  }

  copy(target: Buffer, at: number): number {
    target[0] = 1;
    return this.#bytes.copy(target, at);
  }
}
