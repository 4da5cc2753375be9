import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { parseCommandLine } from './flags.ts';
import { optionRows } from './testing/options-table.ts';

const text = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
/** However the formatter sets the columns. */
const even = (row: string) => row.replaceAll(/ +/g, ' ');

test('the README has every option, as the schema of variables has it, and no other', () => {
  const rows = text.split('\n').filter((line) => /^\|[^|]*\| `[A-Z_]+` +\|/.test(line));
  expect(rows.map(even)).toEqual(optionRows().map(even));
});

test('the commands of the README have no flag that does not exist', () => {
  const commands = text.split('\n').filter((line) => line.startsWith('npx @weft/edge '));
  expect(commands.length).toBeGreaterThan(2);
  for (const command of commands) {
    const words = command
      .replace(/ +#.*$/, '')
      .split(/ +/)
      .slice(2);
    expect([command, parseCommandLine(words).faults]).toEqual([command, []]);
  }
});
