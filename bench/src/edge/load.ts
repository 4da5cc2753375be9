import { connect, type Socket } from 'node:net';

export interface LoadOptions {
  readonly port: number;
  /** A whole request, as it goes out. */
  readonly request: Buffer;
  /** The body that every answer must have. */
  readonly body: Buffer;
  readonly connections: number;
  readonly seconds: number;
}

export interface LoadResult {
  readonly count: number;
  readonly seconds: number;
  /** Sorted. */
  readonly durationsMs: Float64Array;
}

const statusLine = Buffer.from('HTTP/1.1 200 ');

/**
 * A closed loop over kept connections. It costs as little as it can, since it shares the machine with what
 * it measures: no HTTP parser, an answer is through when its bytes end with the expected body. Rejects
 * for an answer that is not 200 or has another body.
 */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const lanes = await Promise.all(Array.from({ length: options.connections }, () => Lane.open(options)));
  const startedAt = performance.now();
  const endsAt = startedAt + options.seconds * 1000;
  await Promise.all(lanes.map((lane) => lane.run(endsAt)));
  const seconds = (performance.now() - startedAt) / 1000;
  const durationsMs = Float64Array.from(lanes.flatMap((lane) => lane.durationsMs)).sort();
  return { count: durationsMs.length, seconds, durationsMs };
}

class Lane {
  readonly durationsMs: number[] = [];
  private readonly options: LoadOptions;
  private readonly socket: Socket;
  private readonly received = Buffer.alloc(64 * 1024);
  private length = 0;
  private sentAt = 0;
  private endsAt = 0;
  private readonly through = Promise.withResolvers<void>();

  static open(options: LoadOptions): Promise<Lane> {
    return new Promise((resolve, reject) => {
      const lane: Lane = new Lane(options, () => resolve(lane));
      lane.through.promise.catch(reject);
    });
  }

  private constructor(options: LoadOptions, onConnect: () => void) {
    this.options = options;
    const onread = {
      buffer: Buffer.alloc(64 * 1024),
      callback: (length: number, chunk: Uint8Array) => {
        this.read(chunk.subarray(0, length));
        return true;
      },
    };
    this.socket = connect({ port: options.port, host: '127.0.0.1', noDelay: true, onread }, onConnect);
    this.socket.on('error', (error) => this.through.reject(error));
    this.socket.on('close', () => this.through.reject(new Error('the connection was closed')));
  }

  run(endsAt: number): Promise<void> {
    this.endsAt = endsAt;
    this.send();
    return this.through.promise;
  }

  private send(): void {
    this.length = 0;
    this.sentAt = performance.now();
    this.socket.write(this.options.request);
  }

  private read(chunk: Uint8Array): void {
    this.received.set(chunk, this.length);
    this.length += chunk.length;
    const { body } = this.options;
    const { received, length } = this;
    if (received.compare(statusLine, 0, statusLine.length, 0, Math.min(length, statusLine.length)) !== 0)
      return this.refuse();
    if (length < body.length || received.compare(body, 0, body.length, length - body.length, length) !== 0) {
      if (length > body.length + 4_096) this.refuse();
      return;
    }
    const now = performance.now();
    this.durationsMs.push(now - this.sentAt);
    if (now < this.endsAt) return this.send();
    this.through.resolve();
    this.socket.destroy();
  }

  private refuse(): void {
    const text = this.received.toString('latin1', 0, Math.min(this.length, 1_000));
    this.through.reject(new Error(`an answer is not the expected one: ${text}`));
    this.socket.destroy();
  }
}
