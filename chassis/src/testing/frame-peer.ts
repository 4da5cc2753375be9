import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { frameHeadBytes, frameTypes, writeFrameHead } from '../http2/frames.ts';
import { encodeHeaders } from '../http2/header-writer.ts';

export interface Frame {
  readonly type: number;
  readonly flag: number;
  readonly id: number;
  readonly payload: Buffer;
}

/** One connection to a FramePeer, with the frames that came over it. */
export interface PeerConnection {
  readonly socket: Socket;
  readonly frames: readonly Frame[];
}

/** A server that speaks HTTP/2 only as far as its script does, rightly or not. */
export interface FramePeer {
  readonly address: string;
  readonly connections: readonly PeerConnection[];
  close(): void;
}

const prefaceBytes = 24;

/** Sends `settings` at first, and hands each frame that comes to `script`. */
export async function startFramePeer(
  script: (frame: Frame, connection: PeerConnection) => void,
  settings: Buffer = makeFrame(frameTypes.settings, 0, 0),
): Promise<FramePeer> {
  const connections: PeerConnection[] = [];
  const server = createServer((socket) => {
    const frames: Frame[] = [];
    const connection = { socket, frames };
    connections.push(connection);
    let bytes: Buffer = Buffer.alloc(0);
    let skip = prefaceBytes;
    socket.setNoDelay(true);
    // The other side may break it off.
    socket.on('error', () => undefined);
    socket.write(settings);
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      if (bytes.length < skip) return;
      bytes = bytes.subarray(skip);
      skip = 0;
      for (let cut = cutFrame(bytes); cut !== undefined; cut = cutFrame(bytes)) {
        bytes = cut.rest;
        frames.push(cut.frame);
        script(cut.frame, connection);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections,
    close() {
      server.close();
      for (const { socket } of connections) socket.destroy();
    },
  };
}

function cutFrame(bytes: Buffer): { frame: Frame; rest: Buffer } | undefined {
  if (bytes.length < frameHeadBytes) return undefined;
  const end = frameHeadBytes + bytes.readUIntBE(0, 3);
  if (bytes.length < end) return undefined;
  const [type = 0, flag = 0] = bytes.subarray(3, 5);
  const frame = { type, flag, id: bytes.readUInt32BE(5), payload: bytes.subarray(frameHeadBytes, end) };
  return { frame, rest: bytes.subarray(end) };
}

export function makeFrame(type: number, flag: number, id: number, payload: Uint8Array = none): Buffer {
  const bytes = Buffer.alloc(frameHeadBytes + payload.length);
  writeFrameHead(bytes, 0, payload.length, type, flag, id);
  bytes.set(payload, frameHeadBytes);
  return bytes;
}

const none = Buffer.alloc(0);

/** Numbers of 32 bits, as RST_STREAM, WINDOW_UPDATE and GOAWAY hold them. */
export function numbers(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => bytes.writeUInt32BE(value, 4 * i));
  return bytes;
}

/** The payload of SETTINGS. */
export function settingsOf(...settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const bytes = Buffer.alloc(6 * settings.length);
  settings.forEach(([id, value], i) => bytes.writeUInt32BE(value, bytes.writeUInt16BE(id, 6 * i)));
  return bytes;
}

/** A message of gRPC with its prefix. */
export function grpcMessage(text: string | Buffer): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.alloc(1), numbers(bytes.length), bytes]);
}

export const answerHeaders = encodeHeaders([':status', '200', 'content-type', 'application/grpc']);
export const okTrailers = encodeHeaders(['grpc-status', '0']);

/** A whole answer of gRPC. */
export function goodAnswer(id: number, text = 'ok'): Buffer {
  return Buffer.concat([
    makeFrame(frameTypes.headers, 4, id, answerHeaders),
    makeFrame(frameTypes.data, 0, id, grpcMessage(text)),
    makeFrame(frameTypes.headers, 5, id, okTrailers),
  ]);
}
