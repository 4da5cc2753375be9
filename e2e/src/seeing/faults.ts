import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { clearFaults, setFault } from '@weft/tools/faults';
import { until } from '../rest.ts';
import { folderOf, type World } from './world.ts';

/** Runs a tool as make does, on this system; answers what it printed, and 0 or what it ended with. */
function tool({ system }: World, name: string, env: Record<string, string> = {}) {
  const file = fileURLToPath(import.meta.resolve(`@weft/tools/${name}`));
  const all = {
    ...process.env,
    NO_COLOR: '1',
    WEFT_FOLDER: folderOf(system),
    ETCD_URL: system.registryUrl,
    ...env,
  };
  return new Promise<{ readonly code: unknown; readonly text: string }>((resolve) =>
    execFile(process.execPath, [file], { env: all }, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, text: stdout + stderr }),
    ),
  );
}

/** `make fault` on real processes. */
export function faults(world: () => World): void {
  const read = () => world().rest.get(`/v1/products/${world().product.id}`);
  const fault = (env: Record<string, string>) => tool(world(), 'fault', { SERVICE: 'catalog', ...env });
  /** The sum of a metric's series. */
  const metric = async (name: string, of: string) =>
    [...(await world().scrape(name)).matchAll(new RegExp(`^${of}(?:\\{.*\\})? (\\S+)`, 'gm'))].reduce(
      (sum, [, value]) => sum + Number(value),
      0,
    );

  describe('faults on demand', () => {
    test('fail a share of the reads, which retries hide from most clients, and are shown until they are taken back', async () => {
      const set = await fault({ METHOD: 'GetProduct', DELAY_MS: '5', ERROR: 'UNAVAILABLE', RATE: '0.3' });
      expect(set).toMatchObject({
        code: 0,
        text: expect.stringContaining('30% of calls wait 5 ms, then fail with UNAVAILABLE'),
      });
      expect((await tool(world(), 'status')).text).toMatch(
        /catalog +shop\.catalog\.v1\.ProductService\/GetProduct +30% of calls wait 5 ms.* \d+ s/,
      );
      const statuses: number[] = [];
      for (let i = 0; i < 60; i += 1) statuses.push((await read()).status);
      const failed = statuses.filter((status) => status !== 200).length;
      const hits = await metric('catalog', 'weft_server_faults_total');
      // Some 18 of the first attempts were hit; of three attempts in a row one in forty is.
      expect(hits).toBeGreaterThan(8);
      expect(failed).toBeLessThan(hits / 2);
      expect(await metric('edge', 'weft_client_retries_total')).toBeGreaterThan(4);
      const [warning] = (await world().logOf('catalog')).filter(({ reason }) => reason === 'FAULT_INJECTED');
      expect(warning).toMatchObject({ level: 'warn', code: 'UNAVAILABLE', caller: 'edge' });

      expect(await fault({ CLEAR: '1' })).toMatchObject({ code: 0, text: '1 taken back\n' });
      expect((await tool(world(), 'status')).text).not.toContain('FAULT');
      await until(
        async () => (await fetch(world().system.readyUrl('catalog'))).text(),
        (text) => text.includes('"detail":"none"'),
      );
      for (let i = 0; i < 20; i += 1) expect((await read()).status).toBe(200);
    }, 30_000);

    test.each([
      [{ METHOD: 'GetNothing', ERROR: 'UNAVAILABLE' }, 'METHOD=GetNothing is none of catalog'],
      [{ METHOD: 'GetProduct', ERROR: 'BROKEN' }, 'the error "BROKEN" is none of'],
      [{ METHOD: 'GetProduct', ERROR: 'UNAVAILABLE', RATE: '2' }, 'the rate is not above 0 and at most 1'],
      [{ METHOD: 'GetProduct' }, 'neither a delay nor an error'],
      [{ METHOD: 'GetProduct', DELAY_MS: 'long' }, 'DELAY_MS is long'],
      [{ SERVICE: 'edge', METHOD: 'GetProduct', ERROR: 'ABORTED' }, 'SERVICE is edge, not one of'],
    ])('%j is refused', async (env, why) => {
      const { code, text } = await fault(env);
      expect([code, text]).toEqual([1, expect.stringContaining(why)]);
    });

    test('are refused for a service that was started without them, which takes no notice of their keys', async () => {
      const { system } = world();
      await system.kill('identity', 'SIGTERM');
      await system.start('identity', { env: { FAULTS: 'off' } });
      const { code, text } = await tool(world(), 'fault', {
        SERVICE: 'identity',
        METHOD: 'GetKeySet',
        ERROR: 'UNAVAILABLE',
      });
      expect([code, text]).toEqual([1, expect.stringContaining('identity was started without FAULTS=on')]);
      await setFault(
        system.registryUrl,
        { workload: 'identity', method: '*', error: 'UNAVAILABLE', delayMs: 0, rate: 1 },
        60,
      );
      expect(await world().rest.signIn(system.admin.email, system.admin.password)).not.toBe('');
      expect(await clearFaults(system.registryUrl)).toBe(1);
      await system.kill('identity', 'SIGTERM');
      await system.start('identity');
    }, 30_000);
  });
}
