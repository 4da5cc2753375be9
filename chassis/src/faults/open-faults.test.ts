import { afterEach, expect, test } from '@jest/globals';
import { createLogger } from '../logger.ts';
import { openFaults } from './open-faults.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const before = process.env['NODE_ENV'];
afterEach(() => {
  process.env['NODE_ENV'] = before;
});

test('a service has none unless it was started with them', () =>
  expect(openFaults({ faults: 'off', registry: 'etcd://127.0.0.1:1' }, 'echo', logger)).toBeUndefined());

test('a service in production does not start with them', () => {
  process.env['NODE_ENV'] = 'production';
  expect(() => openFaults({ faults: 'on', registry: 'etcd://127.0.0.1:1' }, 'echo', logger)).toThrow(
    'NODE_ENV is production',
  );
});

test('without etcd there is no place for them', () =>
  expect(() => openFaults({ faults: 'on', registry: 'static:echo=127.0.0.1:1' }, 'echo', logger)).toThrow(
    'needs etcd',
  ));
