import type { Socket } from 'node:net';
import { Batch } from './batch.ts';
import {
  ConnectionFault,
  defaultWindowBytes,
  errorCodes,
  flags,
  frameTypes,
  largestWindowBytes,
  goawayPayload,
  StreamFault,
} from './frames.ts';
import { Incoming, type FrameHandler, type PeerSettings } from './incoming.ts';
import { Outgoing, type RequestHead } from './outgoing.ts';
import { clientPreface } from './preface.ts';
import type { SessionEvents, SessionOptions } from './session-events.ts';
import { ClientStream, type StreamCarrier, type StreamListener } from './stream.ts';

const none = Buffer.alloc(0);
const eightBytes = Buffer.alloc(8);
/** A peer that reads nothing and still asks for answers (pings, settings) is left. */
const mostUnsentBytes = 4 * 1024 * 1024;
/** For the last bytes to go out, and the peer to end its side. */
const lingerMs = 2_000;

/**
 * The client's side of an HTTP/2 connection (RFC 9113), for requests and nothing else: no push, no priorities,
 * and HPACK without tables. A peer that breaks a rule loses the stream or, with a GOAWAY, the connection.
 */
export class ClientSession implements StreamCarrier, FrameHandler {
  readonly streamWindowBytes: number;
  /** When anything came at last (performance.now). */
  heardAt = 0;
  readonly #socket: Socket;
  readonly #sessionWindowBytes: number;
  readonly #events: SessionEvents;
  readonly #incoming = new Incoming(this);
  readonly #batch: Batch;
  readonly #outgoing: Outgoing;
  readonly #streams = new Map<number, ClientStream>();
  readonly #pongs: (() => void)[] = [];
  #nextId = 1;
  /** From this stream on, nothing has left this process. */
  #unflushedId = 1;
  #started = false;
  #ending = false;
  #ended = false;
  #cause: Error | undefined;
  #lingering: NodeJS.Timeout | undefined;
  #maxConcurrentStreams = Infinity;
  #received = 0;
  #windowsMoved = false;

  /** Over a socket that is connecting; nothing is sent or read before `start`. */
  constructor(socket: Socket, options: SessionOptions, events: SessionEvents) {
    this.streamWindowBytes = options.streamWindowBytes;
    this.#sessionWindowBytes = options.sessionWindowBytes;
    this.#socket = socket;
    this.#events = events;
    this.#batch = new Batch(socket, () => this.#onFlushed());
    this.#outgoing = new Outgoing(this.#batch, (stream) => this.#onSent(stream));
    // Always followed by `close`.
    socket.on('error', (error) => (this.#cause ??= error));
    socket.on('close', () => {
      clearTimeout(this.#lingering);
      this.#end(undefined);
    });
  }

  /** The peer is who it should be, and speaks HTTP/2. */
  start(): void {
    this.#started = true;
    const socket = this.#socket;
    // Without it, what is small would wait for the peer's word on what went before.
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    // No answer can come any more.
    socket.on('end', () => this.destroy());
    socket.on('drain', () => this.#outgoing.pump());
    const opening = clientPreface(this.streamWindowBytes, this.#sessionWindowBytes);
    const at = this.#batch.reserve(opening.length);
    this.#batch.slab.set(opening, at);
  }

  /** Gone, or about to be. */
  get over(): boolean {
    return this.#ending;
  }

  /** No stream ids are left for another request. */
  get usedUp(): boolean {
    return this.#nextId > largestWindowBytes;
  }

  /** Opens a stream. `body` goes with its headers, and ends it if `end`. Not when it is over, or used up. */
  request(head: RequestHead, body: Uint8Array, end: boolean, listener: StreamListener): ClientStream {
    const stream = new ClientStream(this.#nextId, listener, this);
    this.#nextId += 2;
    this.#streams.set(stream.id, stream);
    this.#outgoing.request(stream, head, body, end);
    return stream;
  }

  /** Asks for a sign of life; `answered` is called when it comes. */
  ping(answered: () => void): void {
    this.#pongs.push(answered);
    this.#batch.frame(frameTypes.ping, 0, 0, eightBytes);
  }

  /** Ends the connection when what is to be sent has gone out. Its streams should be through. */
  close(): void {
    if (this.#ending) return;
    if (this.#started) this.#leave(errorCodes.noError);
    else this.destroy();
  }

  /** Cuts it: streams in flight are lost. */
  destroy(cause?: Error): void {
    this.#ending = true;
    this.#cause ??= cause;
    this.#batch.close();
    this.#socket.destroy();
  }

  /** There is more to be sent on a stream. For ClientStream alone, like the two below. */
  pump(stream: ClientStream): void {
    this.#outgoing.enqueue(stream);
  }

  grant(stream: ClientStream, bytes: number): void {
    stream.receiveWindow += bytes;
    this.#batch.numberFrame(frameTypes.windowUpdate, stream.id, bytes);
  }

  reset(stream: ClientStream, code: number, cause?: Error): void {
    // When both sides have said all, there is nothing to reset.
    if (!stream.localEnded || !stream.remoteEnded)
      this.#batch.numberFrame(frameTypes.rstStream, stream.id, code);
    this.#close(stream, code, cause);
  }

  onData(id: number, data: Buffer, bytes: number, ended: boolean): void {
    this.#received += bytes;
    if (this.#received >= this.#sessionWindowBytes / 2) {
      this.#batch.numberFrame(frameTypes.windowUpdate, 0, this.#received);
      this.#received = 0;
    }
    const stream = this.#streamOf(id);
    if (stream === undefined) return;
    try {
      stream.onData(data, bytes, ended);
    } catch (error) {
      this.#fail(stream, error);
    }
    this.#closeIfThrough(stream);
  }

  onBlock(id: number, block: Buffer, ended: boolean): void {
    const stream = this.#streamOf(id);
    // Without tables, a block that nobody waits for need not be read.
    if (stream === undefined) return;
    try {
      stream.onBlock(block, ended);
    } catch (error) {
      this.#fail(stream, error);
    }
    this.#closeIfThrough(stream);
  }

  onReset(id: number, code: number): void {
    const stream = this.#streamOf(id);
    if (stream !== undefined) this.#close(stream, code, undefined);
  }

  onSettings({ maxConcurrentStreams, frameBytes, streamWindow }: PeerSettings): void {
    this.#maxConcurrentStreams = maxConcurrentStreams ?? this.#maxConcurrentStreams;
    if (frameBytes !== undefined) this.#outgoing.frameBytes = frameBytes;
    if (streamWindow !== undefined) {
      this.#outgoing.streamWindow = streamWindow;
      this.#windowsMoved = true;
    }
    this.#batch.frame(frameTypes.settings, flags.ack, 0, none);
    this.#events.onSettings(this.#maxConcurrentStreams);
  }

  onPing(payload: Buffer): void {
    this.#batch.frame(frameTypes.ping, flags.ack, 0, payload);
  }

  onPong(): void {
    this.#pongs.shift()?.();
  }

  onGoaway(code: number, lastStreamId: number): void {
    this.#events.onGoaway(code, lastStreamId);
    for (const stream of this.#streams.values())
      if (stream.id > lastStreamId) this.#close(stream, errorCodes.refusedStream, undefined);
  }

  onWindowUpdate(id: number, bytes: number): void {
    if (id === 0) {
      this.#outgoing.onWindowUpdate(bytes);
      return;
    }
    const stream = this.#streamOf(id);
    if (stream === undefined) return;
    try {
      this.#outgoing.onStreamWindowUpdate(stream, bytes);
    } catch (error) {
      this.#fail(stream, error);
    }
  }

  #receive(chunk: Buffer): void {
    if (this.#ending && this.#streams.size === 0) return;
    this.heardAt = performance.now();
    try {
      this.#incoming.push(chunk);
      // Once for all that came: windows may be moved by many small steps.
      if (this.#windowsMoved) this.#checkWindows();
      this.#outgoing.pump();
    } catch (error) {
      this.#break(error as Error);
    }
  }

  #checkWindows(): void {
    this.#windowsMoved = false;
    for (const stream of this.#streams.values())
      if (!this.#outgoing.inRange(stream))
        throw new ConnectionFault(errorCodes.flowControlError, 'the windows are too large');
  }

  /** Ends the connection for a fault of the peer, or of a listener. */
  #break(cause: Error): void {
    this.#leave(cause instanceof ConnectionFault ? cause.code : errorCodes.internalError);
    this.#end(cause);
  }

  #leave(code: number): void {
    this.#ending = true;
    this.#batch.frame(frameTypes.goaway, 0, 0, goawayPayload(code));
    this.#batch.flush();
    this.#batch.close();
    this.#socket.destroySoon();
    // It may never take the rest.
    this.#lingering = setTimeout(() => this.#socket.destroy(), lingerMs);
  }

  #end(cause: Error | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#ending = true;
    this.#cause ??= cause;
    this.#batch.close();
    for (const stream of this.#streams.values())
      this.#close(stream, stream.id >= this.#unflushedId ? errorCodes.refusedStream : undefined, this.#cause);
    this.#events.onClose(this.#cause);
  }

  #onFlushed(): void {
    this.#unflushedId = this.#nextId;
    if (this.#socket.writableLength > mostUnsentBytes + this.#streams.size * defaultWindowBytes)
      this.destroy(new ConnectionFault(errorCodes.enhanceYourCalm, 'the peer does not read'));
    else this.#outgoing.pump();
  }

  /** The stream of a frame; undefined when it is closed already. */
  #streamOf(id: number): ClientStream | undefined {
    if (id === 0 || id % 2 === 0 || id >= this.#nextId)
      throw new ConnectionFault(errorCodes.protocolError, 'a frame is for a stream that was never opened');
    return this.#streams.get(id);
  }

  /** Ends a stream for a fault in its answer, or of its listener. */
  #fail(stream: ClientStream, error: unknown): void {
    if (error instanceof ConnectionFault) throw error;
    const code = error instanceof StreamFault ? error.code : errorCodes.internalError;
    if (!stream.closed) this.reset(stream, code, error as Error);
    else if (!(error instanceof StreamFault)) throw error;
  }

  #onSent(stream: ClientStream): void {
    stream.localEnded = true;
    this.#closeIfThrough(stream);
  }

  #closeIfThrough(stream: ClientStream): void {
    if (stream.localEnded && stream.remoteEnded) this.#close(stream, errorCodes.noError, undefined);
  }

  #close(stream: ClientStream, code: number | undefined, cause: Error | undefined): void {
    if (stream.closed) return;
    stream.closed = true;
    stream.outbox.length = 0;
    this.#streams.delete(stream.id);
    this.#outgoing.forget(stream);
    stream.listener.onClosed(code, cause);
  }
}
