import type { FieldViolation } from '@weft/chassis/errors';
import { textViolations } from '@weft/chassis/resource/text';

/** PENDING until the saga is decided; then it never changes again. */
export type Status = 'PENDING' | 'ACTIVE' | 'REJECTED';

/** What a person says of it. */
export interface Details {
  readonly name: string;
}

/** A person's part of a request, without what else is in it. */
export function detailsOf({ name }: Details): Details {
  return { name };
}

/** Everything that is wrong with it, each as its path in the request. */
export function violations({ name }: Details): FieldViolation[] {
  return [...nameViolations(name)];
}

/** What is wrong with a name. */
export function nameViolations(name: string): FieldViolation[] {
  return textViolations('spare_part.name', name, { min: 1, max: 200 });
}
