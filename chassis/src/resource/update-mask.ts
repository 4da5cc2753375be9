import type { FieldViolation } from '../errors.ts';

/** A path that is no field may be anything, and its error travels in headers. */
const shownLength = 64;
const maxPaths = 50;

/** What an update asks for, and what it may. */
export interface UpdateRule<F extends string> {
  /** The mask's paths; none or an empty list means those fields that are set. */
  readonly mask: readonly string[] | undefined;
  /** Fields that may be changed, by their proto names. */
  readonly mutable: readonly F[];
  /** Fields that exist and may not. */
  readonly immutable: readonly string[];
  /** Those mutable fields that the request sets. */
  readonly populated: readonly F[];
}

/**
 * Which fields an update changes (AIP-134): those of the mask, all mutable ones for `*`, those that are set
 * without a mask. Every path that is unknown or may not be changed is a violation that names it.
 */
export function updatedFields<F extends string>(
  rule: UpdateRule<F>,
): { readonly fields: ReadonlySet<F>; readonly violations: readonly FieldViolation[] } {
  const { mask = [], mutable, immutable, populated } = rule;
  if (mask.length === 0) return { fields: new Set(populated), violations: [] };
  if (mask.length > maxPaths)
    return {
      fields: new Set(),
      violations: [{ field: 'update_mask', description: `has more than ${maxPaths} paths` }],
    };
  if (mask.length === 1 && mask[0] === '*') return { fields: new Set(mutable), violations: [] };
  const isMutable = (path: string): path is F => (mutable as readonly string[]).includes(path);
  const violations = mask
    .filter((path) => !isMutable(path))
    .map((path) => ({ field: 'update_mask', description: fault(path, isMutable, immutable) }));
  return { fields: new Set(mask.filter(isMutable)), violations };
}

function fault(path: string, isMutable: (path: string) => boolean, immutable: readonly string[]): string {
  const [top = ''] = path.split('.');
  const name = JSON.stringify(path.slice(0, shownLength));
  if (path === '*') return '"*" stands alone';
  if (isMutable(top)) return `${name}: "${top}" is changed as a whole`;
  if (immutable.includes(top)) return `${name} cannot be changed`;
  return `${name} is not a field`;
}
