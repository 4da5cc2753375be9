import { once } from 'node:events';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startDatabase, startEtcd } from '@weft/chassis/testing/servers';
import { ensureCertificates } from '../certificates.ts';
import { ensureDatabases } from '../databases.ts';
import { workloadEnvironment, type SystemSettings } from '../environment.ts';
import { readiness } from '../health.ts';
import { root } from '../paths.ts';
import { freePorts, portVariables } from '../ports.ts';
import { adminLogin } from '../secrets.ts';
import { waitFor } from '../wait-for.ts';
import { workloads } from '../workloads.ts';
import { startContainer, unpack, type Image, type RunningContainer } from './container.ts';

// The images themselves, as `make images` leaves them where no Docker engine is: unpacked, run by runc as a
// cluster would, with IMAGES=built.

const archives = process.env['IMAGES_FOLDER'] ?? join(root, '.weft/images');
const names = [...workloads.map(({ name }) => name as string), 'tools'];
const limitMs = 300_000;

test('the layers of an archive lie over each other, and its configuration is read', async () => {
  const made = await mkdtemp(join(tmpdir(), 'weft-archive-'));
  try {
    const image = unpack(makeArchive(made, [{ a: 'old', b: 'kept' }, { a: 'new' }]), join(made, 'image'));
    expect(readFileSync(join(image.rootfs, 'a'), 'utf8')).toBe('new');
    expect(readFileSync(join(image.rootfs, 'b'), 'utf8')).toBe('kept');
    expect(image.config.User).toBe('65532:65532');
  } finally {
    await rm(made, { recursive: true });
  }
});

/** An OCI archive whose layers have these files. */
function makeArchive(folder: string, layers: readonly Readonly<Record<string, string>>[]): string {
  const layout = join(folder, 'made');
  const blobs = join(layout, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  const blob = (bytes: Buffer | string) => {
    const hash = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(blobs, hash), bytes);
    return { digest: `sha256:${hash}` };
  };
  const packed = layers.map((files, at) => {
    const tree = join(folder, `layer-${at}`);
    mkdirSync(tree);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(tree, name), text);
    return blob(execFileSync('tar', ['-C', tree, '-c', '.']));
  });
  const config = blob(JSON.stringify({ config: { User: '65532:65532' } }));
  const manifest = blob(JSON.stringify({ config, layers: packed }));
  writeFileSync(join(layout, 'index.json'), JSON.stringify({ manifests: [manifest] }));
  const archive = join(folder, 'image.tar');
  execFileSync('tar', ['-C', layout, '-cf', archive, '.']);
  return archive;
}

if (process.env['IMAGES'] === 'built')
  describe('the images', () => {
    let folder: string;
    const images = new Map<string, Image>();
    const running = new Map<string, RunningContainer>();
    const servers: { stop(): Promise<void> }[] = [];

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'weft-images-'));
      for (const name of names)
        images.set(name, unpack(join(archives, `${name}.tar`), join(folder, 'image', name)));
    }, limitMs);
    afterAll(async () => {
      await Promise.all([...running.values()].map((container) => container.stop()));
      await Promise.all(servers.map((server) => server.stop()));
      await rm(folder, { recursive: true });
    }, limitMs);

    const image = (name: string) => images.get(name) as Image;

    test.each(names)('%s is below 200 MB, runs as nobody, and says what it is', (name) => {
      const { bytes, config } = image(name);
      process.stderr.write(`figures: ${name} ${Math.round(bytes / 1e6)} MB\n`);
      expect(bytes).toBeLessThan(200e6);
      expect(config.User).toBe('65532:65532');
      expect(config.Labels?.['org.opencontainers.image.title']).toBe(`weft-${name}`);
      expect(config.Entrypoint?.[0]).toBe('node');
    });

    test(
      'they take an order with a read-only root and no rights, and drain within a second',
      async () => {
        const [etcd, database] = await Promise.all([startEtcd(), startDatabase()]);
        servers.push(etcd, database);
        const shop = join(folder, 'shop');
        mkdirSync(shop);
        await ensureCertificates(shop);
        const settings: SystemSettings = {
          folder: shop,
          ports: await freePorts(),
          registry: etcd.url,
          databases: await ensureDatabases(database.adminUrl, shop),
          admin: adminLogin(shop),
          env: { NODE_ENV: 'production', FAULTS: 'off', DESCRIPTORS: '/weft/proto/gen/descriptors.binpb' },
        };
        const environments = workloads.map(
          ({ name }) => [name, workloadEnvironment(name, settings)] as const,
        );
        execFileSync('chown', ['-R', '65532:65532', shop]);
        for (const [name, { PATH: _, HOME: __, ...env }] of environments)
          running.set(
            name,
            startContainer(image(name), `weft-${name}-${process.pid}`, join(folder, 'run', name), {
              env,
              mounts: [shop],
            }),
          );
        for (const { name } of workloads) {
          const port = settings.ports[portVariables(name).adminPort];
          const ready = await waitFor(async () => (await readiness(port)).ready, 60_000);
          if (!ready) throw new Error(`${name}: ${readFileSync(running.get(name)?.logFile ?? '', 'utf8')}`);
        }

        const order = startContainer(image('tools'), `weft-order-${process.pid}`, join(folder, 'run/order'), {
          args: ['tools/dist/chart/order.js'],
          env: {
            SHOP_URL: `http://127.0.0.1:${settings.ports.EDGE_PORT}`,
            ADMIN_EMAIL: settings.admin.email,
            ADMIN_PASSWORD: settings.admin.password,
          },
        });
        const [code] = (await once(order.child, 'exit')) as [number | null];
        const said = readFileSync(order.logFile, 'utf8');
        expect(said).toContain('CONFIRMED');
        expect(code).toBe(0);

        for (const [name, container] of running) {
          const { code: ended, ms } = await container.stop();
          process.stderr.write(`figures: ${name} drained in ${Math.round(ms)} ms, exit ${ended}\n`);
          expect(ended).toBe(0);
          expect(ms).toBeLessThan(name === 'edge' ? 2_000 : 1_000);
        }
      },
      limitMs,
    );
  });
