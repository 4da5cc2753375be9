import type { FieldViolation } from '../errors.ts';

/** What a text may be. */
export interface TextRule {
  /** Least number of characters (Unicode code points, as the databases count). Default: 0. */
  readonly min?: number;
  /** Most characters. */
  readonly max: number;
  /** Line breaks and tabs are allowed. Default: false. */
  readonly multiline?: boolean;
}

const controls = /\p{Cc}/u;
const controlsButLayout = /[^\P{Cc}\n\r\t]/u;

/** What is wrong with a text field: its length, or control characters in it. */
export function textViolations(field: string, value: string, rule: TextRule): FieldViolation[] {
  const { min = 0, max, multiline = false } = rule;
  if (value === '' && min > 0) return [{ field, description: 'is required' }];
  if (!hasLength(value, min, max))
    return [
      {
        field,
        description: min === 0 ? `has more than ${max} characters` : `must have ${min} to ${max} characters`,
      },
    ];
  if ((multiline ? controlsButLayout : controls).test(value))
    return [{ field, description: 'has control characters' }];
  return [];
}

/** What is wrong with a `request_id` (AIP-155); the empty one means that there is none. */
export function requestIdViolations(field: string, value: string): FieldViolation[] {
  if (value === '' || /^[\x20-\x7e]{1,255}$/.test(value)) return [];
  return [{ field, description: 'must be 1 to 255 printable ASCII characters' }];
}

/** Unicode code points, as MySQL and MariaDB count characters. */
export function characterCount(text: string): number {
  return Array.from(text).length;
}

function hasLength(value: string, min: number, max: number): boolean {
  // A code point has one or two units: what is too long in any case is not counted.
  if (value.length > max * 2) return false;
  const length = characterCount(value);
  return length >= min && length <= max;
}
