import { ScalarType, type DescField, type DescMessage } from '@bufbuild/protobuf';

/** 64-bit integers are bigint, bytes Uint8Array, enums numbers. */
export type Scalar = string | number | bigint | boolean | Uint8Array;
export type Value = Scalar | Draft | Value[] | Map<Scalar, Value>;

/** A message under construction: values that were checked, by field. */
export class Draft {
  readonly type: DescMessage;
  readonly values = new Map<DescField, Value>();

  constructor(type: DescMessage) {
    this.type = type;
  }

  /** Sets a field, and clears the other members of its oneof. */
  set(field: DescField, value: Value): void {
    const rival = this.rival(field);
    if (rival !== undefined) this.values.delete(rival);
    this.values.set(field, value);
  }

  /** The message in a singular message field, made if it is not there. */
  child(field: DescField & { readonly message: DescMessage }): Draft {
    const existing = this.values.get(field);
    if (existing instanceof Draft) return existing;
    const made = new Draft(field.message);
    this.set(field, made);
    return made;
  }

  /** The other member of the field's oneof that is set. */
  rival(field: DescField): DescField | undefined {
    return field.oneof?.fields.find((other) => other !== field && this.values.has(other));
  }
}

/** Whether a value is the default of its type, so that a field without presence is not sent. */
export function isZero(value: Value): boolean {
  if (typeof value === 'object') return value instanceof Uint8Array && value.length === 0;
  return value === '' || value === false || value === 0n || Object.is(value, 0);
}

/** Whether a scalar is a bigint here. */
export function isLong(type: ScalarType): boolean {
  return (
    type === ScalarType.INT64 ||
    type === ScalarType.UINT64 ||
    type === ScalarType.SINT64 ||
    type === ScalarType.FIXED64 ||
    type === ScalarType.SFIXED64
  );
}
