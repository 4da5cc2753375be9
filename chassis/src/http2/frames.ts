/** RFC 9113, section 6. */
export const frameTypes = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const flags = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 0x20 } as const;

export const settingIds = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

/** RFC 9113, section 7. */
export const errorCodes = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  connectError: 10,
  enhanceYourCalm: 11,
  inadequateSecurity: 12,
} as const;

export const frameHeadBytes = 9;
/** The longest payload that both sides take without having said so. */
export const defaultFrameBytes = 16_384;
export const defaultWindowBytes = 65_535;
export const largestWindowBytes = 2 ** 31 - 1;

/** What breaks a connection: it is told with a GOAWAY, and ended. */
export class ConnectionFault extends Error {
  override readonly name = 'ConnectionFault';
  /** One of errorCodes. */
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** What breaks one stream: it is reset. */
export class StreamFault extends Error {
  override readonly name = 'StreamFault';
  /** One of errorCodes. */
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** Writes a frame's head; the payload follows it. */
export function writeFrameHead(
  buffer: Buffer,
  at: number,
  length: number,
  type: number,
  flag: number,
  streamId: number,
): void {
  buffer[at] = length >>> 16;
  buffer[at + 1] = length >>> 8;
  buffer[at + 2] = length;
  buffer[at + 3] = type;
  buffer[at + 4] = flag;
  buffer.writeUInt32BE(streamId, at + 5);
}

export function frame(type: number, flag: number, streamId: number, payload: Uint8Array): Buffer {
  const buffer = Buffer.allocUnsafe(frameHeadBytes + payload.length);
  writeFrameHead(buffer, 0, payload.length, type, flag, streamId);
  buffer.set(payload, frameHeadBytes);
  return buffer;
}

export function settingsFrame(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.allocUnsafe(settings.length * 6);
  settings.forEach(([id, value], index) => {
    payload.writeUInt16BE(id, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  });
  return frame(frameTypes.settings, 0, 0, payload);
}

/** Of a client's GOAWAY, to which no streams were pushed. */
export function goawayPayload(code: number): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeUInt32BE(code, 4);
  return payload;
}
