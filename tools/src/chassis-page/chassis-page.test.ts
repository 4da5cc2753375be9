import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { root } from '../paths.ts';
import { entryPoints, exportsOf } from './surface.ts';
import { entriesIn, withExportTables } from './tables.ts';

// docs/chassis.md against the chassis's package.json and sources.

const run = promisify(execFile);
const page = readFileSync(join(root, 'docs/chassis.md'), 'utf8');
const shown = entriesIn(page);

test('every entry point is a file, named one by one, and the page shows none that is not there', () => {
  const all = entryPoints(root);
  expect(all.filter((entry) => entry.includes('*'))).toEqual([]);
  expect(all.filter((entry) => !existsSync(join(root, 'chassis/src', `${entry}.ts`)))).toEqual([]);
  expect(shown.filter((entry) => !all.includes(entry))).toEqual([]);
  expect(new Set(shown).size).toBe(shown.length);
});

test('everything that a service may import has a docstring, and so has every option that may be left out', () => {
  const bare = shown.flatMap((entry) =>
    exportsOf(root, entry).flatMap(({ name, doc, undocumented }) => [
      ...(doc === '' ? [`${entry}: ${name}`] : []),
      ...undocumented.map((field) => `${entry}: ${name}.${field}`),
    ]),
  );
  expect(bare).toEqual([]);
});

test('what lacks a docstring is found: an export, an option, a name that is passed on', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-surface-'));
  try {
    mkdirSync(join(folder, 'chassis/src'), { recursive: true });
    const file = (name: string, text: string) => writeFileSync(join(folder, 'chassis/src', name), text);
    file('b.ts', '/** B. */\nexport interface B {\n  x: 1;\n}\nexport type C = B;\n');
    file(
      'a.ts',
      [
        "export type { B, C } from './b.ts';",
        '/** Options. */\nexport interface AOptions {\n  readonly bare?: 1;\n  /** Told. */\n  readonly told?: 2;\n}',
        '/** One. */\nexport function a(): void;\nexport function a(x?: 1): void {}',
        'export const plain = 1;',
      ].join('\n'),
    );
    const found = exportsOf(folder, 'a').map(({ name, doc, undocumented }) => [name, doc, ...undocumented]);
    expect(found).toEqual([
      ['B', 'B.'],
      ['C', ''],
      ['AOptions', 'Options.', 'bare'],
      ['a', 'One.'],
      ['plain', ''],
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the tables are those of the code (make docs)', () => {
  expect(withExportTables(page, root)).toBe(page);
});

test('every entry point has an example, and each compiles', async () => {
  const examples = [...page.matchAll(/^### `([\w/-]+)`\n[\s\S]*?^```ts\n([\s\S]*?)^```$/gm)];
  expect(examples.map(([, entry]) => entry)).toEqual(shown);
  // Inside the repository, so that they find the packages; `.weft` is nobody's source.
  mkdirSync(join(root, '.weft'), { recursive: true });
  const folder = mkdtempSync(join(root, '.weft/examples-'));
  try {
    for (const [at, [, entry = '', code = '']] of examples.entries()) {
      expect(code).toContain(`from '@weft/chassis/${entry}'`);
      writeFileSync(join(folder, `${at}-${entry.replaceAll('/', '-')}.ts`), code);
    }
    writeFileSync(join(folder, 'package.json'), '{"type": "module"}');
    const compilerOptions = { composite: false, declarationMap: false, noEmit: true };
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ extends: '../../tsconfig.base.json', compilerOptions, include: ['*.ts'] }),
    );
    const faults = await run(join(root, 'node_modules/.bin/tsc'), ['-p', folder]).catch(
      ({ stdout }: { stdout: string }) => ({ stdout }),
    );
    expect(faults.stdout).toBe('');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
