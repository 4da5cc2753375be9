import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test, expect } from '@jest/globals';
import { createConnection } from 'mysql2/promise';
import { eventually } from './eventually.ts';
import { testDatabase } from './fixtures.ts';

const seeOne = async (url: string, sql = 'SELECT DATABASE() AS d') => {
  const connection = await createConnection(url);
  try {
    const [rows] = await connection.query(sql);
    return rows as readonly Record<string, unknown>[];
  } finally {
    await connection.end();
  }
};

test('a test database belongs to its user alone, who sees no other', async () => {
  const [mine, other] = await Promise.all([testDatabase(), testDatabase()]);
  await seeOne(mine, 'CREATE TABLE t (id INT PRIMARY KEY)');
  expect(await seeOne(mine, 'SHOW TABLES')).toHaveLength(1);
  expect(await seeOne(other, 'SHOW TABLES')).toHaveLength(0);
  const foreign = new URL(mine);
  foreign.pathname = new URL(other).pathname;
  await expect(seeOne(foreign.href)).rejects.toThrow(/Access denied/);
});

test('etcd of the run answers', async () => {
  const answer = await fetch(`${String(process.env['WEFT_TEST_ETCD']).replace('etcd:', 'http:')}/health`);
  expect(await answer.json()).toMatchObject({ health: 'true' });
});

test('a server ends with the process that started it, even when that is killed', async () => {
  const module = import.meta.resolve('@weft/chassis/testing/servers');
  const script = `const { startEtcd } = await import('${module}');
    const etcd = await startEtcd();
    console.log(etcd.pid);
    setInterval(() => undefined, 1000);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  expect(() => process.kill(pid, 0)).not.toThrow();
  parent.kill('SIGKILL');
  await eventually(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'));
});
