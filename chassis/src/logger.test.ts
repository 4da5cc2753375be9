import { expect, test } from '@jest/globals';
import { ServiceError } from './errors.ts';
import { createLogger } from './logger.ts';

function logged(write: (logger: ReturnType<typeof createLogger>) => void): Record<string, unknown> {
  let line = '';
  write(createLogger({ name: 'test' }, { write: (text) => (line += text) }));
  return JSON.parse(line) as Record<string, unknown>;
}

test('an error is logged with its causes, code and frames', () => {
  const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', errno: -111 });
  const { err } = logged((logger) =>
    logger.error({ err: new ServiceError('UNAVAILABLE', 'NO_DATABASE', 'it is away', { cause }) }),
  );
  expect(err).toMatchObject({
    type: 'ServiceError',
    code: 'UNAVAILABLE',
    reason: 'NO_DATABASE',
    stack: expect.stringContaining('logger.test.ts'),
    cause: { message: 'connect ECONNREFUSED', code: 'ECONNREFUSED', errno: -111 },
  });
});

test('the statement of a database error and its values never reach the log', () => {
  const text = "Duplicate entry 'o'neill@example.com' for key 'account_email'";
  const error = Object.assign(new Error(text), {
    code: 'ER_DUP_ENTRY',
    errno: 1062,
    sqlMessage: text,
    sql: "insert into account values ('o'neill@example.com', '$argon2id$…')",
  });
  const line = logged((logger) => logger.warn({ err: new Error('taken', { cause: error }) }));
  expect(JSON.stringify(line)).not.toMatch(/neill|argon2|insert/);
  expect(line).toMatchObject({
    err: { cause: { errno: 1062, message: "Duplicate entry '…' for key 'account_email'" } },
  });
});

test('the claims of an expired token and secrets by their names never reach the log', () => {
  const expired = Object.assign(new Error('"exp" claim timestamp check failed'), { payload: { sub: 'ann' } });
  const line = logged((logger) =>
    logger.warn({ err: expired, password: 'hunter2', headers: { authorization: 'Bearer abc' } }),
  );
  expect(JSON.stringify(line)).not.toMatch(/ann|hunter2|abc/);
});

test('what is no Error, and causes without end, are logged too', () => {
  const loop: Error & { cause?: unknown } = new Error('loop');
  loop.cause = loop;
  expect(logged((logger) => logger.warn({ err: loop }))).toHaveProperty('err.cause.cause.cause');
  expect(logged((logger) => logger.warn({ err: 'text with a secret' }))).toMatchObject({
    err: { type: 'string' },
  });
});
