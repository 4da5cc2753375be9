import { isUuid, uuidToBytes } from '@weft/chassis/data/uuid';
import { millis } from '@weft/chassis/saga/record-drift';
import { UsageError, type Values } from './options.ts';
import type { SagaService, SagaServices } from './services.ts';

type Time = Parameters<typeof millis>[0];

export function say(text: string): void {
  process.stdout.write(text);
}

/** Any answer as JSON: ids as hexadecimal digits, 64-bit numbers as text, times as RFC 3339. */
export function json(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => plain(each));
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  const { type, data } = value as { type?: unknown; data?: unknown };
  // What JSON.stringify makes of a Buffer before it asks.
  if (type === 'Buffer' && Array.isArray(data)) return Buffer.from(data as number[]).toString('hex');
  if ('seconds' in value && 'nanos' in value)
    return new Date(millis(value as NonNullable<Time>)).toISOString();
  return value;
}

/** `2026-01-31 12:00:00` in UTC; empty for none. */
export function clock(time: Time): string {
  return time === undefined ? '' : new Date(millis(time)).toISOString().slice(0, 19).replace('T', ' ');
}

/** How long ago, in its largest unit. */
export function age(time: Time): string {
  const seconds = Math.max(0, Math.round((Date.now() - millis(time)) / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`;
}

/** The last part of a method's name: `Reserve` of `shop.catalog.v1.StockService/Reserve`. */
export function short(method: string): string {
  return method.slice(method.lastIndexOf('/') + 1);
}

/** The services that a command is about: all, or the one of --service. */
export function chosen(services: SagaServices, { service }: Values): readonly SagaService[] {
  return service === undefined ? services.all : [services.of(service)];
}

/** An id that was typed, as 16 bytes: a UUID, or 32 hexadecimal digits. */
export function idBytes(name: string, value: string | undefined): Buffer {
  if (value === undefined) throw new UsageError(`which ${name}?`);
  if (isUuid(value)) return uuidToBytes(value);
  if (!/^[0-9a-f]{32}$/i.test(value)) throw new UsageError(`${value} is no id of a ${name}`);
  return Buffer.from(value, 'hex');
}
