import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { endProcess } from './end-process.ts';
import { processIdentity } from './process-identity.ts';
import { Processes } from './processes.ts';
import { isAlive, Records } from './records.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-tools-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const spec = (script: string) => ({
  name: 'sleeper',
  command: '/bin/sh',
  args: ['-c', script],
  env: {},
  ports: [],
  fingerprint: 'one',
});
const sleeper = spec('exec sleep 60');

test('a process is on record from its start, for its owner only, until it is ended', async () => {
  const processes = new Processes({ folder, detached: false });
  await processes.start(sleeper);
  const record = processes.running('sleeper', 'one');
  expect(record && isAlive(record)).toBe(true);
  expect((await stat(join(folder, 'processes.json'))).mode & 0o077).toBe(0);
  expect(processes.running('sleeper', 'another fingerprint')).toBeUndefined();
  await processes.endStarted();
  expect(record && isAlive(record)).toBe(false);
  expect(new Records(folder).all()).toEqual([]);
});

test('a process that got the pid of an earlier one is never ended', async () => {
  const stranger = spawn('sleep', ['60'], { stdio: 'ignore' });
  await once(stranger, 'spawn');
  const pid = Number(stranger.pid);
  expect(await endProcess({ pid, identity: 'a boot before this one 1234' })).toBe('was gone');
  expect(processIdentity(pid)).toBeDefined();
  stranger.kill('SIGKILL');
  await once(stranger, 'exit');
  expect(processIdentity(pid)).toBeUndefined();
});

test('a process that ignores SIGTERM is killed when its time is up, a frozen one too', async () => {
  const processes = new Processes({ folder, detached: false });
  const server = await processes.start(spec("trap '' TERM; echo ready; while :; do sleep 1; done"));
  const record = processes.records.get('sleeper');
  if (record === undefined) throw new Error('not on record');
  process.kill(server.pid, 'SIGSTOP');
  expect(await endProcess(record, { graceMs: 50 })).toBe('killed');
});

test('what is started while everything is being ended does not stay', async () => {
  const processes = new Processes({ folder, detached: false });
  await processes.endStarted();
  await expect(processes.start(sleeper)).rejects.toThrow('not started any more');
});
