import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import getPort from 'get-port';
import spawn from 'nano-spawn';
import { root } from '../paths.ts';
import { services } from '../workloads.ts';
import { compose, composeShop, projectName } from './project.ts';

// The shop in containers for real: COMPOSE=whole, with a Docker engine. ETCD_IMAGE and MYSQL_IMAGE may name others.

const whole = process.env['COMPOSE'] === 'whole';
const limitMs = 900_000;

if (whole) {
  let env: NodeJS.ProcessEnv;
  let folder: string;
  const tool = (name: string) => spawn(process.execPath, [join(root, `tools/dist/${name}.js`)], { env });
  const project = () => composeShop(folder)?.project ?? '';

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'weft-compose-'));
    env = { WEFT_FOLDER: folder, EDGE_PORT: String(await getPort({ host: '127.0.0.1' })) };
    await tool('compose-up');
  }, limitMs);

  afterAll(async () => {
    await compose(projectName(folder), ['--profile=*', 'down', '--volumes', '--remove-orphans']);
    rmSync(folder, { recursive: true, force: true });
  }, limitMs);

  test(
    'the demo goes as told, with no rights in the containers',
    async () => {
      expect((await tool('demo')).stdout).toContain('As told, every step.');
      const look =
        "try { fs.writeFileSync('/weft/x', '') } catch (error) { console.log(error.code, process.getuid(), " +
        "/CapEff:\\s*(\\w+)/.exec(fs.readFileSync('/proc/1/status', 'utf8'))[1]) }";
      for (const name of ['edge', ...services.map((each) => each.name)])
        expect([name, await compose(project(), ['exec', '-T', name, 'node', '-e', look])]).toEqual([
          name,
          'EROFS 65532 0000000000000000',
        ]);
    },
    limitMs,
  );

  test(
    'SIGTERM ends each with exit code 0, and it comes back with its data',
    async () => {
      const names = ['edge', ...services.map((each) => each.name)];
      const from = performance.now();
      await compose(project(), ['stop', ...names]);
      const seconds = ((performance.now() - from) / 1_000).toFixed(1);
      const states = await compose(project(), ['ps', '--all', '--format=json', ...names]);
      const codes = states.split('\n').map((line) => (JSON.parse(line) as { ExitCode: number }).ExitCode);
      expect(codes).toEqual(names.map(() => 0));
      const { admin } = composeShop(folder) ?? {};
      await tool('compose-up');
      expect(composeShop(folder)?.admin).toEqual(admin);
      expect((await tool('down')).stdout).toContain('containers');
      expect(await compose(projectName(folder), ['ps', '--all', '--quiet'])).toBe('');
      process.stderr.write(`figures: demo in containers as told; ${names.length} drained in ${seconds} s\n`);
    },
    limitMs,
  );
}

test('two folders are two projects', () => {
  expect(projectName('/a')).not.toBe(projectName('/b'));
  expect(projectName('/a')).toMatch(/^weft-[0-9a-f]{8}$/);
});
