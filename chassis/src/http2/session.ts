import type { Socket } from 'node:net';
import { FrameReader } from './frame-reader.ts';
import {
  ConnectionFault,
  defaultFrameBytes,
  defaultWindowBytes,
  errorCodes,
  flags,
  frame,
  frameHeadBytes,
  frameTypes,
  goawayFrame,
  largestWindowBytes,
  numberFrame,
  settingIds,
  settingsFrame,
  writeFrameHead,
} from './frames.ts';
import { CompressionFault, MalformedHeaders, readHeaderBlock, type Headers } from './header-block.ts';
import { headerBytes, writeHeaders } from './header-writer.ts';
import { ClientStream, type StreamCarrier, type StreamListener } from './stream.ts';

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const none = Buffer.alloc(0);
/** The longest header block that is taken. */
const longestBlockBytes = 64 * 1024;
/** A peer that reads nothing and still asks for answers (pings, settings) is left. */
const mostUnsentBytes = 4 * 1024 * 1024;

export interface SessionOptions {
  /** How much a stream may send before it is consumed. */
  readonly streamWindowBytes: number;
  /** Of all streams together; given back as bytes arrive. */
  readonly sessionWindowBytes: number;
}

export interface SessionEvents {
  /** At first, and whenever the peer changes its mind. */
  onSettings(maxConcurrentStreams: number): void;
  /** Streams above `lastStreamId` were not looked at. */
  onGoaway(code: number, lastStreamId: number): void;
  /** Once: the connection is gone, and its streams are closed. */
  onClose(): void;
}

/**
 * The client's side of an HTTP/2 connection (RFC 9113), for requests and nothing else: no push, no priorities,
 * and HPACK without tables. What is to be sent goes out once a turn of the event loop, so that requests made
 * together share one write.
 */
export class ClientSession implements StreamCarrier {
  readonly streamWindowBytes: number;
  readonly #socket: Socket;
  readonly #sessionWindowBytes: number;
  readonly #events: SessionEvents;
  readonly #reader: FrameReader;
  readonly #streams = new Map<number, ClientStream>();
  readonly #pings: (() => void)[] = [];
  #out: Uint8Array[] = [];
  #flushing = false;
  #nextId = 1;
  #started = false;
  #ending = false;
  #destroyed = false;
  /** A header block that goes on in CONTINUATION frames. */
  #block: { readonly id: number; readonly flag: number; readonly parts: Buffer[]; bytes: number } | undefined;
  #settled = false;
  #maxConcurrentStreams = Infinity;
  #peerFrameBytes = defaultFrameBytes;
  #peerStreamWindow = defaultWindowBytes;
  #sendWindow = defaultWindowBytes;
  #received = 0;

  /** Over a socket that is connecting; nothing is sent before `start`. */
  constructor(socket: Socket, options: SessionOptions, events: SessionEvents) {
    this.streamWindowBytes = options.streamWindowBytes;
    this.#sessionWindowBytes = options.sessionWindowBytes;
    this.#socket = socket;
    this.#events = events;
    this.#reader = new FrameReader((type, flag, id, payload) => this.#take(type, flag, id, payload));
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('drain', () => this.#pumpAll());
    // Always followed by `close`.
    socket.on('error', () => undefined);
    socket.on('close', () => this.#onSocketClose());
  }

  /** The peer is who it should be, and speaks HTTP/2. */
  start(): void {
    this.#started = true;
    this.#send(preface);
    this.#send(
      settingsFrame([
        [settingIds.headerTableSize, 0],
        [settingIds.enablePush, 0],
        [settingIds.initialWindowSize, this.streamWindowBytes],
        [settingIds.maxHeaderListSize, longestBlockBytes],
      ]),
    );
    this.#send(numberFrame(frameTypes.windowUpdate, 0, this.#sessionWindowBytes - defaultWindowBytes));
  }

  /** Gone, or about to be. */
  get over(): boolean {
    return this.#ending || this.#destroyed;
  }

  /** No stream ids are left for another request. */
  get usedUp(): boolean {
    return this.#nextId > largestWindowBytes;
  }

  /**
   * Opens a stream. `block`: encoded headers, the pseudo ones first; `pairs`: names and values after those.
   * `body` goes with it, and ends it if `end`.
   */
  request(
    block: Buffer,
    pairs: readonly string[],
    body: Uint8Array,
    end: boolean,
    listener: StreamListener,
  ): ClientStream {
    const stream = new ClientStream(this.#nextId, listener, this, this.#peerStreamWindow);
    this.#nextId += 2;
    this.#streams.set(stream.id, stream);
    const blockBytes = block.length + headerBytes(pairs);
    const whole = Math.min(this.#peerFrameBytes, this.#sendWindow, stream.sendWindow);
    if (blockBytes > this.#peerFrameBytes || body.length > whole || (body.length === 0 && end)) {
      this.#sendBlock(stream.id, block, pairs, blockBytes);
      stream.write(body, end);
      return stream;
    }
    const withBody = body.length > 0;
    const out = Buffer.allocUnsafe(
      frameHeadBytes + blockBytes + (withBody ? frameHeadBytes + body.length : 0),
    );
    writeFrameHead(out, 0, blockBytes, frameTypes.headers, flags.endHeaders, stream.id);
    out.set(block, frameHeadBytes);
    const at = writeHeaders(out, frameHeadBytes + block.length, pairs);
    if (withBody) {
      writeFrameHead(out, at, body.length, frameTypes.data, end ? flags.endStream : 0, stream.id);
      out.set(body, at + frameHeadBytes);
      stream.sendWindow -= body.length;
      this.#sendWindow -= body.length;
      stream.endQueued = end;
      stream.localEnded = end;
    }
    this.#send(out);
    return stream;
  }

  /** Asks for a sign of life; `answered` is called when it comes. */
  ping(answered: () => void): void {
    this.#pings.push(answered);
    this.#send(frame(frameTypes.ping, 0, 0, Buffer.alloc(8)));
  }

  /** Ends the connection when what is to be sent has gone out. Its streams should be through. */
  close(): void {
    if (this.over) return;
    this.#ending = true;
    if (!this.#started) {
      this.#socket.destroy();
      return;
    }
    this.#send(goawayFrame(errorCodes.noError));
    this.#flush();
    this.#socket.destroySoon();
  }

  /** Cuts it: streams in flight are lost. */
  destroy(): void {
    this.#destroyed = true;
    this.#socket.destroy();
  }

  pump(stream: ClientStream): void {
    const { outbox, id } = stream;
    let next = outbox[0];
    while (next !== undefined) {
      if (this.#socket.writableNeedDrain) return;
      const most = Math.min(this.#peerFrameBytes, this.#sendWindow, stream.sendWindow, next.length);
      if (most <= 0) return;
      const whole = most === next.length;
      if (whole) outbox.shift();
      else outbox[0] = next.subarray(most);
      stream.sendWindow -= most;
      this.#sendWindow -= most;
      const last = whole && outbox.length === 0 && stream.endQueued;
      const head = Buffer.allocUnsafe(frameHeadBytes);
      writeFrameHead(head, 0, most, frameTypes.data, last ? flags.endStream : 0, id);
      this.#send(head);
      this.#send(whole ? next : next.subarray(0, most));
      if (last) return this.#ended(stream);
      next = outbox[0];
    }
    if (stream.endQueued && !stream.localEnded) {
      this.#send(frame(frameTypes.data, flags.endStream, id, none));
      this.#ended(stream);
    }
  }

  grant(stream: ClientStream, bytes: number): void {
    stream.receiveWindow += bytes;
    this.#send(numberFrame(frameTypes.windowUpdate, stream.id, bytes));
  }

  reset(stream: ClientStream, code: number): void {
    this.#send(numberFrame(frameTypes.rstStream, stream.id, code));
    this.#close(stream, code);
  }

  #sendBlock(id: number, block: Buffer, pairs: readonly string[], bytes: number): void {
    const all = Buffer.allocUnsafe(bytes);
    all.set(block);
    writeHeaders(all, block.length, pairs);
    for (let at = 0; at < bytes; at += this.#peerFrameBytes) {
      const part = all.subarray(at, at + this.#peerFrameBytes);
      const type = at === 0 ? frameTypes.headers : frameTypes.continuation;
      const last = at + part.length === bytes;
      this.#send(frame(type, last ? flags.endHeaders : 0, id, part));
    }
  }

  #send(bytes: Uint8Array): void {
    if (this.#destroyed) return;
    this.#out.push(bytes);
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(flush, this);
  }

  /** For `flush` alone. */
  flushNow(): void {
    this.#flushing = false;
    this.#flush();
  }

  #flush(): void {
    const out = this.#out;
    const [first] = out;
    if (first === undefined || this.#destroyed) return;
    this.#out = [];
    this.#socket.write(out.length === 1 ? first : Buffer.concat(out));
    if (this.#socket.writableLength > mostUnsentBytes + this.#streams.size * defaultWindowBytes)
      this.destroy();
  }

  #pumpAll(): void {
    for (const stream of this.#streams.values()) this.#pumpOn(stream);
  }

  /** Goes on with a stream that could not send, and tells it when all has gone out. */
  #pumpOn(stream: ClientStream): void {
    if (stream.outbox.length === 0) return;
    this.pump(stream);
    if (stream.outbox.length > 0 || !stream.wantsDrain) return;
    stream.wantsDrain = false;
    stream.listener.onDrain();
  }

  #receive(chunk: Buffer): void {
    if (this.#destroyed) return;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      if (error instanceof ConnectionFault) this.#break(error.code);
      else if (error instanceof CompressionFault) this.#break(errorCodes.compressionError);
      else throw error;
    }
  }

  /** Ends the connection for a fault of the peer. */
  #break(code: number): void {
    this.#send(goawayFrame(code));
    this.#flush();
    this.#destroyed = true;
    this.#socket.destroySoon();
  }

  #onSocketClose(): void {
    this.#destroyed = true;
    for (const stream of this.#streams.values()) this.#close(stream, undefined);
    this.#events.onClose();
  }

  #take(type: number, flag: number, id: number, payload: Buffer): void {
    if (this.#destroyed) return;
    if (this.#block !== undefined && (type !== frameTypes.continuation || id !== this.#block.id))
      throw new ConnectionFault(errorCodes.protocolError, 'a header block is interrupted');
    if (!this.#settled && type !== frameTypes.settings)
      throw new ConnectionFault(errorCodes.protocolError, 'the first frame is no SETTINGS');
    switch (type) {
      case frameTypes.data:
        return this.#onData(flag, id, payload);
      case frameTypes.headers:
        return this.#onHeaders(flag, id, payload);
      case frameTypes.continuation:
        return this.#onContinuation(flag, payload);
      case frameTypes.rstStream:
        return this.#onReset(id, payload);
      case frameTypes.settings:
        return this.#onSettings(flag, id, payload);
      case frameTypes.ping:
        return this.#onPing(flag, id, payload);
      case frameTypes.goaway:
        return this.#onGoaway(id, payload);
      case frameTypes.windowUpdate:
        return this.#onWindowUpdate(id, payload);
      case frameTypes.pushPromise:
        throw new ConnectionFault(errorCodes.protocolError, 'nothing may be pushed');
      // PRIORITY says nothing to a client, and unknown frames are passed over (RFC 9113, 5.5).
    }
  }

  /** The stream of a frame; undefined when it is closed already. */
  #streamOf(id: number): ClientStream | undefined {
    if (id === 0 || id % 2 === 0 || id >= this.#nextId)
      throw new ConnectionFault(errorCodes.protocolError, 'a frame is for a stream that was never opened');
    return this.#streams.get(id);
  }

  #onData(flag: number, id: number, payload: Buffer): void {
    const { length } = payload;
    this.#received += length;
    if (this.#received > this.#sessionWindowBytes)
      throw new ConnectionFault(errorCodes.flowControlError, 'more came than the window holds');
    if (this.#received >= this.#sessionWindowBytes / 2) {
      this.#send(numberFrame(frameTypes.windowUpdate, 0, this.#received));
      this.#received = 0;
    }
    const stream = this.#streamOf(id);
    const data = unpadded(flag, payload);
    if (stream === undefined) return;
    stream.receiveWindow -= length;
    if (stream.receiveWindow < 0) return stream.reset(errorCodes.flowControlError);
    if (stream.remoteEnded || !stream.gotHeaders) return stream.reset(errorCodes.protocolError);
    if (length > data.length) stream.consume(length - data.length);
    if (data.length > 0) stream.listener.onData(data);
    if ((flag & flags.endStream) === 0 || stream.closed) return;
    stream.remoteEnded = true;
    stream.listener.onEnd(undefined);
    this.#closeIfThrough(stream);
  }

  #onHeaders(flag: number, id: number, payload: Buffer): void {
    this.#streamOf(id);
    let block = unpadded(flag, payload);
    if ((flag & flags.priority) !== 0) {
      if (block.length < 5) throw new ConnectionFault(errorCodes.frameSizeError, 'HEADERS is too short');
      block = block.subarray(5);
    }
    if ((flag & flags.endHeaders) !== 0) this.#onBlock(id, flag, block);
    else this.#block = { id, flag, parts: [Buffer.from(block)], bytes: block.length };
  }

  #onContinuation(flag: number, payload: Buffer): void {
    const open = this.#block;
    if (open === undefined)
      throw new ConnectionFault(errorCodes.protocolError, 'CONTINUATION continues nothing');
    open.parts.push(Buffer.from(payload));
    open.bytes += payload.length;
    // Empty ones could go on for ever.
    if (open.bytes > longestBlockBytes || open.parts.length > 64)
      throw new ConnectionFault(errorCodes.enhanceYourCalm, 'a header block is too long');
    if ((flag & flags.endHeaders) === 0) return;
    this.#block = undefined;
    this.#onBlock(open.id, open.flag, Buffer.concat(open.parts));
  }

  #onBlock(id: number, flag: number, block: Buffer): void {
    const stream = this.#streams.get(id);
    // Without tables, a block that nobody waits for need not be read.
    if (stream === undefined) return;
    const ended = (flag & flags.endStream) !== 0;
    let headers: Headers;
    try {
      headers = readHeaderBlock(block);
    } catch (error) {
      if (!(error instanceof MalformedHeaders)) throw error;
      return stream.reset(errorCodes.protocolError);
    }
    const isTrailers = stream.gotHeaders;
    const status = headers[':status'];
    if (stream.remoteEnded || (isTrailers && (!ended || status !== undefined)))
      return stream.reset(errorCodes.protocolError);
    if (!isTrailers) {
      if (typeof status !== 'string') return stream.reset(errorCodes.protocolError);
      // 1xx: the answer itself is still to come.
      if (/^1\d\d$/.test(status)) return ended ? stream.reset(errorCodes.protocolError) : undefined;
      stream.gotHeaders = true;
    }
    stream.remoteEnded = ended;
    if (isTrailers) stream.listener.onEnd(headers);
    else stream.listener.onHeaders(headers, ended);
    this.#closeIfThrough(stream);
  }

  #onReset(id: number, payload: Buffer): void {
    if (payload.length !== 4)
      throw new ConnectionFault(errorCodes.frameSizeError, 'RST_STREAM has a wrong size');
    const stream = this.#streamOf(id);
    if (stream !== undefined) this.#close(stream, payload.readUInt32BE());
  }

  #onSettings(flag: number, id: number, payload: Buffer): void {
    if (id !== 0) throw new ConnectionFault(errorCodes.protocolError, 'SETTINGS is for a stream');
    if ((flag & flags.ack) !== 0) {
      if (payload.length > 0)
        throw new ConnectionFault(errorCodes.frameSizeError, 'SETTINGS has a wrong size');
      return;
    }
    if (payload.length % 6 !== 0)
      throw new ConnectionFault(errorCodes.frameSizeError, 'SETTINGS has a wrong size');
    for (let at = 0; at < payload.length; at += 6)
      this.#onSetting(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
    this.#settled = true;
    this.#send(frame(frameTypes.settings, flags.ack, 0, none));
    this.#events.onSettings(this.#maxConcurrentStreams);
    this.#pumpAll();
  }

  #onSetting(id: number, value: number): void {
    if (id === settingIds.maxConcurrentStreams) this.#maxConcurrentStreams = value;
    else if (id === settingIds.maxFrameSize) {
      if (value < defaultFrameBytes || value >= 2 ** 24)
        throw new ConnectionFault(errorCodes.protocolError, 'MAX_FRAME_SIZE is out of range');
      // More at once would only keep other streams waiting.
      this.#peerFrameBytes = Math.min(value, 4 * defaultFrameBytes);
    } else if (id === settingIds.initialWindowSize) {
      if (value > largestWindowBytes)
        throw new ConnectionFault(errorCodes.flowControlError, 'INITIAL_WINDOW_SIZE is out of range');
      // For the streams that are open too, which may leave them below zero (RFC 9113, 6.9.2).
      for (const stream of this.#streams.values()) stream.sendWindow += value - this.#peerStreamWindow;
      this.#peerStreamWindow = value;
    } else if (id === settingIds.enablePush && value !== 0) {
      throw new ConnectionFault(errorCodes.protocolError, 'a server does not take pushes');
    }
  }

  #onPing(flag: number, id: number, payload: Buffer): void {
    if (id !== 0) throw new ConnectionFault(errorCodes.protocolError, 'PING is for a stream');
    if (payload.length !== 8) throw new ConnectionFault(errorCodes.frameSizeError, 'PING has a wrong size');
    if ((flag & flags.ack) !== 0) this.#pings.shift()?.();
    else this.#send(frame(frameTypes.ping, flags.ack, 0, payload));
  }

  #onGoaway(id: number, payload: Buffer): void {
    if (id !== 0) throw new ConnectionFault(errorCodes.protocolError, 'GOAWAY is for a stream');
    if (payload.length < 8) throw new ConnectionFault(errorCodes.frameSizeError, 'GOAWAY has a wrong size');
    const lastStreamId = payload.readUInt32BE() & 0x7fffffff;
    this.#events.onGoaway(payload.readUInt32BE(4), lastStreamId);
    for (const stream of this.#streams.values())
      if (stream.id > lastStreamId) this.#close(stream, errorCodes.refusedStream);
  }

  #onWindowUpdate(id: number, payload: Buffer): void {
    if (payload.length !== 4)
      throw new ConnectionFault(errorCodes.frameSizeError, 'WINDOW_UPDATE has a wrong size');
    const bytes = payload.readUInt32BE() & 0x7fffffff;
    if (id === 0) {
      this.#sendWindow += bytes;
      if (bytes === 0 || this.#sendWindow > largestWindowBytes)
        throw new ConnectionFault(errorCodes.flowControlError, 'the window is out of range');
      this.#pumpAll();
      return;
    }
    const stream = this.#streamOf(id);
    if (stream === undefined) return;
    stream.sendWindow += bytes;
    if (bytes === 0) stream.reset(errorCodes.protocolError);
    else if (stream.sendWindow > largestWindowBytes) stream.reset(errorCodes.flowControlError);
    else this.#pumpOn(stream);
  }

  #ended(stream: ClientStream): void {
    stream.localEnded = true;
    this.#closeIfThrough(stream);
  }

  #closeIfThrough(stream: ClientStream): void {
    if (stream.localEnded && stream.remoteEnded) this.#close(stream, errorCodes.noError);
  }

  #close(stream: ClientStream, code: number | undefined): void {
    if (stream.closed) return;
    stream.closed = true;
    stream.outbox.length = 0;
    this.#streams.delete(stream.id);
    stream.listener.onClosed(code);
  }
}

function flush(session: ClientSession): void {
  session.flushNow();
}

/** DATA and HEADERS may be padded (RFC 9113, 6.1). */
function unpadded(flag: number, payload: Buffer): Buffer {
  if ((flag & flags.padded) === 0) return payload;
  const padding = payload[0] ?? 0;
  if (padding >= payload.length)
    throw new ConnectionFault(errorCodes.protocolError, 'the padding is longer than the frame');
  return payload.subarray(1, payload.length - padding);
}
