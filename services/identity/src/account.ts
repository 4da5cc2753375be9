import type { FieldViolation } from '@weft/chassis/errors';
import { characterCount, textViolations } from '@weft/chassis/resource/text';

const minPasswordLength = 8;
const maxPasswordLength = 128;

const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const address = new RegExp(`^[a-z0-9.!#$%&'*+/=?^_\`{|}~-]{1,64}@${label}(?:\\.${label})*$`);

/** What a person may change of their account, by the proto names of the fields. */
export const changeableFields = ['display_name'] as const;
export const fixedFields = ['id', 'email', 'roles', 'etag', 'create_time', 'update_time'] as const;

/** An address as it is stored and compared: without surrounding blanks, lower case. */
export function normaliseEmail(email: string): string {
  return email.trim().toLowerCase();
}

/**
 * What is wrong with a normalised address. The rule is that of `<input type=email>` in HTML, with the
 * lengths of RFC 5321, section 4.5.3.1: it refuses what cannot be an address, and no address in use.
 */
export function emailViolations(field: string, email: string): FieldViolation[] {
  if (email === '') return [{ field, description: 'is required' }];
  if (email.length > 254) return [{ field, description: 'has more than 254 characters' }];
  return address.test(email) ? [] : [{ field, description: 'is not an email address' }];
}

/** What is wrong with a new password. Any characters are allowed (NIST SP 800-63B, 3.1.1.2). */
export function passwordViolations(field: string, password: string): FieldViolation[] {
  if (password === '') return [{ field, description: 'is required' }];
  const length = passwordLength(password);
  if (length >= minPasswordLength && length <= maxPasswordLength) return [];
  return [{ field, description: `must have ${minPasswordLength} to ${maxPasswordLength} characters` }];
}

/** Whether a password could be somebody's at all; others are not worth hashing. */
export function isPossiblePassword(password: string): boolean {
  return passwordLength(password) <= maxPasswordLength;
}

/** What is wrong with the name that is shown to others. */
export function displayNameViolations(field: string, name: string): FieldViolation[] {
  return textViolations(field, name, { min: 1, max: 100 });
}

function passwordLength(password: string): number {
  // What is too long however it is counted is not counted.
  return password.length > maxPasswordLength * 2 ? password.length : characterCount(password);
}
