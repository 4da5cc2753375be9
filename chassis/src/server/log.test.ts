import { expect, test } from '@jest/globals';
import { Code, ServiceError, type CodeName } from '../errors.ts';
import { createLogger } from '../logger.ts';
import { log } from './interceptors.ts';
import type { ServedCall } from './served-call.ts';

/** The lines that a call leaves which ends so. */
async function lines(end: Partial<ServedCall>, level: string): Promise<Record<string, unknown>[]> {
  const written: Record<string, unknown>[] = [];
  const logger = createLogger(
    { name: 'test', level },
    { write: (line) => void written.push(JSON.parse(line)) },
  );
  const call = {
    path: '/test.Echo/read',
    arrivedAt: performance.now(),
    caller: 'edge',
    ...end,
  } as ServedCall;
  await log(logger)(call, async () => undefined);
  return written;
}

const failed = (code: CodeName) => ({ failure: new ServiceError(code, 'WHY', 'in words') });

test('a call that went well has its line at debug alone', async () => {
  expect(await lines({}, 'debug')).toMatchObject([
    { level: 'debug', method: '/test.Echo/read', code: 'OK', caller: 'edge', msg: 'call' },
  ]);
  expect(await lines({}, 'info')).toEqual([]);
});

test('what the service failed is a warning, what its caller did wrong is not', async () => {
  const warned: string[] = [];
  for (const code of Object.keys(Code) as CodeName[]) {
    const [line, ...others] = await lines(failed(code), 'debug');
    expect(others).toEqual([]);
    expect(line).toMatchObject({ code, reason: 'WHY', detail: 'in words', caller: 'edge' });
    if (line?.['level'] === 'warn') warned.push(code);
    expect(await lines(failed(code), 'info')).toHaveLength(line?.['level'] === 'warn' ? 1 : 0);
  }
  expect(warned).toEqual([
    'UNKNOWN',
    'DEADLINE_EXCEEDED',
    'UNIMPLEMENTED',
    'INTERNAL',
    'UNAVAILABLE',
    'DATA_LOSS',
  ]);
});

test('what a handler threw by mistake is an error, with what it was', async () => {
  const [line] = await lines({ ...failed('INTERNAL'), cause: new Error('a bug') }, 'info');
  expect(line).toMatchObject({ level: 'error', code: 'INTERNAL', err: { message: 'a bug' } });
});
