import { expect, jest, test } from '@jest/globals';
import { arm, failpoint } from './failpoints.ts';

test('nothing can be armed in a process that was not started for it', async () => {
  expect(() => arm('commit.after', () => {})).toThrow('WEFT_FAILPOINTS');
  expect(failpoint('commit.after')).toBeUndefined();
});

test('a point that is armed for one method leaves the others alone, and counts', async () => {
  process.env['WEFT_FAILPOINTS'] = 'send.before:/a.B/C=crash@2';
  const kill = jest.spyOn(process, 'kill').mockReturnValue(true);
  try {
    const fresh = (await import(`./failpoints.ts?${Date.now()}`)) as { failpoint: typeof failpoint };
    await fresh.failpoint('send.before', '/a.B/D');
    await fresh.failpoint('send.before', '/a.B/C');
    await fresh.failpoint('send.after', '/a.B/C');
    expect(kill).not.toHaveBeenCalled();
    await fresh.failpoint('send.before', '/a.B/C');
    expect(kill).toHaveBeenCalledWith(process.pid, 'SIGKILL');
  } finally {
    kill.mockRestore();
    delete process.env['WEFT_FAILPOINTS'];
  }
});
