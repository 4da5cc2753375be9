import { expect, test } from '@jest/globals';
import { querySummary } from './query-summary.ts';

test.each([
  ['SELECT 1', 'SELECT'],
  ['COMMIT', 'COMMIT'],
  ['select `id` from `product` inner join `stock` on `a` = `b` where `id` = ?', 'SELECT product stock'],
  ['insert into `order_item` (`a`) values (?), (?)', 'INSERT order_item'],
  ['INSERT INTO saga_step (a) VALUES (?) ON DUPLICATE KEY UPDATE seen = seen + 1', 'INSERT saga_step'],
  ['UPDATE reservation FORCE INDEX (PRIMARY) STRAIGHT_JOIN stock ON a = b SET c = ?', 'UPDATE reservation'],
  ['SELECT state FROM saga_step WHERE id = ? FOR UPDATE SKIP LOCKED', 'SELECT saga_step'],
  ['delete from `reservation` where `saga_id` = ?', 'DELETE reservation'],
  ['INSERT INTO a (x) SELECT y FROM b', 'INSERT a SELECT b'],
  ['(SELECT 1 FROM x)', 'SELECT x'],
  ['SET time_zone = "+00:00"', 'SET'],
])('%s: %s', (sql, summary) => expect(querySummary(sql)).toBe(summary));

test('a list of values of any length has the same summary', () => {
  const listed = (count: number) =>
    `select \`id\` from \`product\` where \`id\` in (${'?, '.repeat(count)}?)`;
  expect(new Set(Array.from({ length: 2_000 }, (_, i) => querySummary(listed(i))))).toEqual(
    new Set(['SELECT product']),
  );
});
