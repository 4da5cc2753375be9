import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { root } from '../paths.ts';
import { withRevocations } from './registration.ts';

test('a new service may hear which sessions were ended', () => {
  const text = readFileSync(join(root, 'proto/shop/identity/v1/session.proto'), 'utf8');
  const after = withRevocations(text, 'tryout');
  const [, method = ''] = after.split('rpc WatchRevocations');
  expect(method.match(/services: "\w+"/g)).toEqual(
    ['catalog', 'ordering', 'tryout', 'edge'].map((name) => `services: "${name}"`),
  );
  expect(after.replace('      services: "tryout"\n', '')).toBe(text);
  expect(() => withRevocations('nothing', 'tryout')).toThrow('nothing is listed');
});
