import { FrameReader } from './frame-reader.ts';
import {
  ConnectionFault,
  defaultFrameBytes,
  errorCodes,
  flags,
  frameTypes,
  largestWindowBytes,
  settingIds,
} from './frames.ts';

/** The longest header block that is taken, as it is encoded. */
const longestBlockBytes = 64 * 1024;
/** Empty ones could go on for ever. */
const mostBlockFrames = 64;

/** What a SETTINGS frame says; of a setting that is there twice, the last. */
export interface PeerSettings {
  maxConcurrentStreams?: number;
  frameBytes?: number;
  streamWindow?: number;
}

/** What came, each frame being as it should by itself. May throw a ConnectionFault. */
export interface FrameHandler {
  /** `bytes`: with its padding, as windows count it. */
  onData(id: number, data: Buffer, bytes: number, ended: boolean): void;
  onBlock(id: number, block: Buffer, ended: boolean): void;
  onReset(id: number, code: number): void;
  onSettings(settings: PeerSettings): void;
  onPing(payload: Buffer): void;
  onPong(): void;
  onGoaway(code: number, lastStreamId: number): void;
  /** `id` 0: of the connection. */
  onWindowUpdate(id: number, bytes: number): void;
}

/** Reads frames of a server, and checks each by itself (RFC 9113, section 6) and where header blocks go on. */
export class Incoming {
  readonly #reader: FrameReader;
  readonly #handler: FrameHandler;
  /** A header block that goes on in CONTINUATION frames. */
  #block:
    | { readonly id: number; readonly ended: boolean; readonly parts: Buffer[]; bytes: number }
    | undefined;
  #settled = false;

  constructor(handler: FrameHandler) {
    this.#handler = handler;
    this.#reader = new FrameReader((type, flag, id, payload) => this.#take(type, flag, id, payload));
  }

  /** Throws a ConnectionFault for what breaks the connection, and what the handler throws. */
  push(chunk: Buffer): void {
    this.#reader.push(chunk);
  }

  #take(type: number, flag: number, id: number, payload: Buffer): void {
    if (this.#block !== undefined && (type !== frameTypes.continuation || id !== this.#block.id))
      throw broken('a header block is interrupted');
    if (!this.#settled && (type !== frameTypes.settings || (flag & flags.ack) !== 0))
      throw broken('the first frame is no SETTINGS');
    const ended = (flag & flags.endStream) !== 0;
    switch (type) {
      case frameTypes.data:
        return this.#handler.onData(id, unpadded(flag, payload), payload.length, ended);
      case frameTypes.headers:
        return this.#onHeaders(flag, id, payload);
      case frameTypes.continuation:
        return this.#onContinuation(flag, payload);
      case frameTypes.rstStream:
        sized('RST_STREAM', payload.length === 4);
        return this.#handler.onReset(id, payload.readUInt32BE());
      case frameTypes.settings:
        return this.#onSettings(flag, id, payload);
      case frameTypes.ping:
        ofConnection('PING', id);
        sized('PING', payload.length === 8);
        return (flag & flags.ack) === 0 ? this.#handler.onPing(payload) : this.#handler.onPong();
      case frameTypes.goaway:
        ofConnection('GOAWAY', id);
        sized('GOAWAY', payload.length >= 8);
        return this.#handler.onGoaway(payload.readUInt32BE(4), payload.readUInt32BE() & 0x7fffffff);
      case frameTypes.windowUpdate:
        sized('WINDOW_UPDATE', payload.length === 4);
        return this.#handler.onWindowUpdate(id, payload.readUInt32BE() & 0x7fffffff);
      case frameTypes.pushPromise:
        throw broken('nothing may be pushed');
      // PRIORITY says nothing to a client, and unknown frames are passed over (RFC 9113, 5.5).
    }
  }

  #onHeaders(flag: number, id: number, payload: Buffer): void {
    let block = unpadded(flag, payload);
    if ((flag & flags.priority) !== 0) {
      sized('HEADERS', block.length >= 5);
      block = block.subarray(5);
    }
    const ended = (flag & flags.endStream) !== 0;
    if ((flag & flags.endHeaders) !== 0) this.#handler.onBlock(id, block, ended);
    else this.#block = { id, ended, parts: [Buffer.from(block)], bytes: block.length };
  }

  #onContinuation(flag: number, payload: Buffer): void {
    const block = this.#block;
    if (block === undefined) throw broken('CONTINUATION continues nothing');
    block.parts.push(Buffer.from(payload));
    block.bytes += payload.length;
    if (block.bytes > longestBlockBytes || block.parts.length > mostBlockFrames)
      throw new ConnectionFault(errorCodes.enhanceYourCalm, 'a header block is too long');
    if ((flag & flags.endHeaders) === 0) return;
    this.#block = undefined;
    this.#handler.onBlock(block.id, Buffer.concat(block.parts), block.ended);
  }

  #onSettings(flag: number, id: number, payload: Buffer): void {
    ofConnection('SETTINGS', id);
    const ack = (flag & flags.ack) !== 0;
    sized('SETTINGS', ack ? payload.length === 0 : payload.length % 6 === 0);
    if (ack) return;
    const settings: PeerSettings = {};
    for (let at = 0; at < payload.length; at += 6)
      readSetting(settings, payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
    this.#settled = true;
    this.#handler.onSettings(settings);
  }
}

function readSetting(settings: PeerSettings, id: number, value: number): void {
  switch (id) {
    case settingIds.maxConcurrentStreams:
      settings.maxConcurrentStreams = value;
      break;
    case settingIds.maxFrameSize:
      if (value < defaultFrameBytes || value >= 2 ** 24) throw broken('MAX_FRAME_SIZE is out of range');
      settings.frameBytes = value;
      break;
    case settingIds.initialWindowSize:
      if (value > largestWindowBytes)
        throw new ConnectionFault(errorCodes.flowControlError, 'INITIAL_WINDOW_SIZE is out of range');
      settings.streamWindow = value;
      break;
    case settingIds.enablePush:
      if (value !== 0) throw broken('a server does not take pushes');
      break;
    // HEADER_TABLE_SIZE: none is used. MAX_HEADER_LIST_SIZE is advice.
  }
}

/** DATA and HEADERS may be padded (RFC 9113, 6.1). */
function unpadded(flag: number, payload: Buffer): Buffer {
  if ((flag & flags.padded) === 0) return payload;
  const padding = payload[0] ?? 0;
  if (padding >= payload.length) throw broken('the padding is longer than the frame');
  return payload.subarray(1, payload.length - padding);
}

function ofConnection(type: string, id: number): void {
  if (id !== 0) throw broken(`${type} is for a stream`);
}

function sized(type: string, right: boolean): void {
  if (!right) throw new ConnectionFault(errorCodes.frameSizeError, `${type} has a wrong size`);
}

function broken(message: string): ConnectionFault {
  return new ConnectionFault(errorCodes.protocolError, message);
}
