import { expect, test } from '@jest/globals';
import { nameViolations } from './spare-part.ts';

test('a name of 1 to 200 characters is right, another is named with what is wrong', () => {
  expect(nameViolations('x'.repeat(200))).toEqual([]);
  expect(nameViolations('')).toEqual([{ field: 'spare_part.name', description: 'is required' }]);
  for (const name of ['x'.repeat(201), 'two\nlines'])
    expect(nameViolations(name)).toMatchObject([{ field: 'spare_part.name' }]);
});
