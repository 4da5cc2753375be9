import type { Timestamp } from '@weft/proto/google/protobuf/timestamp';

/** A time with the precision of a Date, milliseconds. */
export function toTimestamp(time: Date): Timestamp {
  const ms = time.getTime();
  const seconds = Math.floor(ms / 1000);
  return { seconds: BigInt(seconds), nanos: (ms - seconds * 1000) * 1_000_000 };
}

/** Unix milliseconds of a timestamp; what is finer is cut off. */
export function toUnixMs(timestamp: Timestamp): number {
  return Number(timestamp.seconds) * 1000 + Math.floor(timestamp.nanos / 1_000_000);
}
