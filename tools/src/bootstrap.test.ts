import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { root } from './paths.ts';
import { processIdentity } from './process-identity.ts';

const run = promisify(execFile);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-lock-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const holdLock = async (owner: string) => {
  await mkdir(join(folder, 'lock'));
  await writeFile(join(folder, 'lock', 'owner'), `${owner}\n`);
};
const makeDown = () =>
  run('sh', [join(root, 'tools/bootstrap.sh'), 'down'], { env: { ...process.env, WEFT_FOLDER: folder } });

test('while one make up runs, another is refused', async () => {
  const startTicks = processIdentity(process.pid)?.split(' ')[1];
  await holdLock(`${process.pid}/${startTicks}/up`);
  await expect(makeDown()).rejects.toMatchObject({
    stderr: expect.stringContaining(`make up is running (pid ${process.pid})`),
  });
});

test('a lock whose holder is gone is taken over, also when another process has its pid', async () => {
  await holdLock(`${process.pid}/1/up`);
  expect((await makeDown()).stdout).toContain('nothing runs');
  // And it was given back.
  expect((await makeDown()).stdout).toContain('nothing runs');
});
