import { test, expect } from '@jest/globals';
import { etagOf, requireEtag } from './etag.ts';
import { toTimestamp, toUnixMs } from './timestamp.ts';

test('an update happens with the current etag or with none', () => {
  expect(() => requireEtag('', 3)).not.toThrow();
  expect(() => requireEtag(etagOf(3), 3)).not.toThrow();
  expect(() => requireEtag(etagOf(2), 3)).toThrow(
    expect.objectContaining({ code: 'ABORTED', reason: 'ETAG_MISMATCH' }),
  );
});

test('times before and after 1970 become timestamps and come back', () => {
  for (const ms of [0, 1, 999, 1_700_000_000_123, -1, -1001]) {
    const timestamp = toTimestamp(new Date(ms));
    expect(timestamp.nanos).toBeGreaterThanOrEqual(0);
    expect(toUnixMs(timestamp)).toBe(ms);
  }
});
