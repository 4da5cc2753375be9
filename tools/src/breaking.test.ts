import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { root } from './paths.ts';

let folder: string;
const at = (path: string) => join(folder, path);
const run = (command: string, ...args: string[]) =>
  spawnSync(command, args, { cwd: folder, encoding: 'utf8', env: { ...process.env, AGAINST: 'HEAD' } });

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'weft-breaking-'));
  mkdirSync(at('tools'));
  for (const path of ['proto/shop', 'proto/weft', 'buf.yaml', 'tools/breaking.sh'])
    cpSync(join(root, path), at(path), { recursive: true });
  symlinkSync(join(root, 'node_modules'), at('node_modules'));
  run('git', 'init', '--quiet');
  run('git', 'add', 'proto', 'buf.yaml');
  const author = ['-c', 'user.name=test', '-c', 'user.email=test@example.com'];
  expect(run('git', ...author, 'commit', '--quiet', '--message', 'contracts').status).toBe(0);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a contract that takes something away is caught, and one that adds is not', () => {
  const file = at('proto/shop/catalog/v1/product.proto');
  const before = readFileSync(file, 'utf8');
  const [line = '', type = '', name = '', number = ''] =
    /^ {2}(string) (\w+) = (\d+)(?: \[.*\])?;$/m.exec(before) ?? [];
  expect(line).not.toBe('');

  writeFileSync(file, before.replace(line, `${line}\n  ${type} added_by_a_test = 4321;`));
  const added = run('sh', 'tools/breaking.sh');
  expect([added.status, added.stdout + added.stderr]).toEqual([0, '']);

  writeFileSync(file, before.replace(line, line.replace(`= ${number}`, '= 4321')));
  const broken = run('sh', 'tools/breaking.sh');
  expect(broken.status).not.toBe(0);
  expect(broken.stdout + broken.stderr).toContain(`"${number}" with name "${name}"`);
});
