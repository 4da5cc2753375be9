import type { MethodRule } from '@weft/chassis/contract';
import { bodyText } from '../binding/body-text.ts';
import { encodeDraft } from '../codec/encode.ts';
import { parseJson } from '../codec/json-text.ts';
import { JsonReader } from '../codec/message-from-json.ts';
import type { Limits } from '../limits.ts';
import type { Schema } from '../schema.ts';
import type { Codec } from './content-type.ts';

/** Messages between a client's codec and the upstream's, which is always proto: the same bytes where both are. */
export interface Messages {
  /** Throws a FieldFault or a JsonTextError for JSON that is no such message. */
  read(bytes: Uint8Array): Uint8Array;
  write(bytes: Uint8Array): Uint8Array;
}

const asTheyAre: Messages = { read: (bytes) => bytes, write: (bytes) => bytes };

export function messagesOf(
  codec: Codec,
  { descriptor }: MethodRule,
  { contract, printer }: Schema,
  options: { readonly limits: Limits; readonly unknownFields: 'ignore' | 'refuse' },
): Messages {
  if (codec === 'proto') return asTheyAre;
  const { limits, unknownFields } = options;
  const { registry } = contract;
  return {
    read(bytes) {
      const json = parseJson(bodyText(asBuffer(bytes)), limits.jsonDepth, limits.jsonValues);
      return encodeDraft(new JsonReader({ registry, unknownFields }).message(descriptor.input, json));
    },
    write: (bytes) => Buffer.from(printer.message(descriptor.output, bytes)),
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
