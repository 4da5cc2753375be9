import { expect, test } from '@jest/globals';
import { arm, failpoint } from './failpoints.ts';

test('nothing can be armed in a process that was not started for it', async () => {
  expect(() => arm('commit.after', () => {})).toThrow('WEFT_FAILPOINTS');
  expect(failpoint('commit.after')).toBeUndefined();
});
