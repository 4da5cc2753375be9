import { Metadata } from '@grpc/grpc-js';
import type { TextMapSetter } from '@opentelemetry/api';

/**
 * The metadata of a request as it goes over the wire: names, in lower case, and values in turn. Values of names
 * in `-bin` are base64. Cheaper than grpc-js's Metadata, which checks, copies and sorts by name what was
 * checked when it came in.
 */
export type MetadataPairs = readonly string[];

/** Whether there is a value of this name. */
export function hasPair(pairs: MetadataPairs, name: string): boolean {
  for (let i = 0; i < pairs.length; i += 2) if (pairs[i] === name) return true;
  return false;
}

/** Sets the one value of a name. */
export function setPair(pairs: string[], name: string, value: string): void {
  for (let i = pairs.length - 2; i >= 0; i -= 2) if (pairs[i] === name) pairs.splice(i, 2);
  pairs.push(name, value);
}

/** How OpenTelemetry's propagators write them. */
export const pairsSetter: TextMapSetter<string[]> = { set: setPair };

/** The same for grpc-js. Throws for what metadata cannot hold. */
export function toGrpcMetadata(pairs: MetadataPairs): Metadata {
  const metadata = new Metadata();
  for (let i = 0; i < pairs.length; i += 2) {
    const name = pairs[i] ?? '';
    const value = pairs[i + 1] ?? '';
    metadata.add(name, name.endsWith('-bin') ? Buffer.from(value, 'base64') : value);
  }
  return metadata;
}
