import { ScalarType } from '@bufbuild/protobuf';
import type { Draft } from '../codec/draft.ts';
import { FieldFault } from '../codec/field-fault.ts';
import { fieldsByName } from '../descriptors.ts';

const header = 'Idempotency-Key';

/**
 * Puts the Idempotency-Key of a request into its `request_id` (AIP-155); a request without that
 * field ignores the header. Throws a FieldFault for a key that is not 1 to 255 printable ASCII
 * characters, and for one that contradicts the `request_id` in the body.
 */
export function bindRequestId(request: Draft, key: string): void {
  const field = fieldsByName(request.type).get('request_id');
  if (field?.fieldKind !== 'scalar' || field.scalar !== ScalarType.STRING) return;
  if (!/^[\x20-\x7e]{1,255}$/.test(key))
    throw new FieldFault(header, 'must be 1 to 255 printable ASCII characters');
  const given = request.values.get(field) ?? '';
  if (given !== '' && given !== key) throw new FieldFault(header, 'differs from requestId in the request');
  request.set(field, key);
}
