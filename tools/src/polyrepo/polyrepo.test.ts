import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createAuthority } from '@weft/chassis/testing/certificates';
import { eventually } from '@weft/chassis/testing/eventually';
import { testDatabase, testRegistry } from '@weft/chassis/testing/fixtures';
import { ServerProcess } from '@weft/chassis/testing/server-process';
import getPort from 'get-port';
import { generateService } from '../new-service/generate.ts';
import { serviceNames } from '../new-service/names.ts';
import { copyRepository, type RepositoryCopy } from '../new-service/repository-copy.test.support.ts';
import { root } from '../paths.ts';
import { ask } from '../rest.ts';
import { silent } from '../steps.ts';
import { undeclaredImports, unusedDependencies } from './imports.ts';
import { install, liftOut, pack, testIn, type Packed } from './lifted.test.support.ts';
import { packages } from './packages.ts';

// Each package is one that works in a repository of its own. POLYREPO=whole proves it with npm, outside of
// this one; else what each declares is compared with what it imports.

const whole = process.env['POLYREPO'] === 'whole';
const limitMs = 300_000;
const all = packages(root);

test.each(all.map((each) => [each.path, each] as const))(
  '%s declares what it imports, nothing else, and has a README',
  (path, each) => {
    expect(undeclaredImports(root, each)).toEqual([]);
    expect(unusedDependencies(root, each)).toEqual([]);
    expect(existsSync(join(root, path, 'README.md'))).toBe(true);
    expect(each.manifest.files).toBeDefined();
  },
);

test('what is published says its license and for which Node it is', () => {
  const published = all.filter(({ manifest }) => manifest.private !== true);
  expect(published.map(({ path }) => path)).toEqual(['proto', 'chassis', 'edge']);
  const license = readFileSync(join(root, 'LICENSE'), 'utf8');
  for (const { path, manifest } of published) {
    expect([path, manifest.license, manifest.engines]).toEqual([path, 'Apache-2.0', { node: '>=24' }]);
    expect(readFileSync(join(root, path, 'LICENSE'), 'utf8')).toBe(license);
  }
});

test('an import that is not declared is found out, and so is one that only tests may have', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'weft-imports-'));
  try {
    mkdirSync(join(folder, 'pkg/src'), { recursive: true });
    writeFileSync(
      join(folder, 'pkg/src/a.ts'),
      "import x from 'left-pad';\nimport type { y } from '@scope/t/sub';",
    );
    writeFileSync(join(folder, 'pkg/src/a.test.ts'), "import z from '@scope/t';\nawait import('other');");
    const manifest = {
      name: 'pkg',
      version: '0.0.0',
      dependencies: { unused: '1' },
      devDependencies: { '@scope/t': '1' },
    };
    const found = { path: 'pkg', manifest };
    expect(undeclaredImports(folder, found).toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
      'pkg/src/a.test.ts imports other',
      'pkg/src/a.ts imports @scope/t',
      'pkg/src/a.ts imports left-pad',
    ]);
    expect(unusedDependencies(folder, found)).toEqual(['pkg does not import unused']);
  } finally {
    await rm(folder, { recursive: true });
  }
});

if (whole) {
  let copy: RepositoryCopy;
  let folder: string;
  let tarballs: ReadonlyMap<string, Packed>;
  const running: ServerProcess[] = [];

  beforeAll(async () => {
    [copy, folder] = await Promise.all([copyRepository(), mkdtemp(join(tmpdir(), 'weft-polyrepo-'))]);
    await generateService(serviceNames('tryout', 'attempt'), {
      root: copy.folder,
      steps: silent,
      signal: new AbortController().signal,
    });
    await copy.shell('make build');
    tarballs = await pack(copy.folder, ['proto', 'chassis', 'edge'], folder);
  }, limitMs);

  afterAll(async () => {
    await Promise.all(running.map((each) => each.stop()));
    await copy?.remove();
    await rm(folder, { recursive: true, force: true });
  }, limitMs);

  const settings = async (
    workload: string,
    registry: string,
    identity: { ca: string; cert: string; key: string },
  ) => {
    const file = (name: keyof typeof identity) => {
      const path = join(folder, `${workload}.${name}.pem`);
      writeFileSync(path, identity[name], { mode: 0o600 });
      return path;
    };
    return {
      PATH: process.env['PATH'],
      REGISTRY: registry,
      ADMIN_PORT: String(await getPort({ host: '127.0.0.1' })),
      TLS_CA_FILE: file('ca'),
      TLS_CERT_FILE: file('cert'),
      TLS_KEY_FILE: file('key'),
      TOKEN_ISSUER: 'https://identity.test',
      TOKEN_AUDIENCE: 'test',
      TOKEN_KEYS: 'shop.identity.v1.KeyService/GetKeySet',
    };
  };

  const start = async (name: string, main: string, env: NodeJS.ProcessEnv) => {
    const logFile = join(folder, `${name}.log`);
    const server = new ServerProcess({
      name,
      command: process.execPath,
      args: [main],
      env,
      logFile,
      detached: false,
    });
    running.push(server);
    const ready = () => ask(`http://127.0.0.1:${env['ADMIN_PORT']}`, 'GET', '/readyz');
    await server.waitUntil(
      () =>
        ready().then(
          ({ status }) => status === 200,
          () => false,
        ),
      30_000,
    );
  };

  test(
    'a service and a new one, lifted out, build, pass their tests and answer through the installed edge',
    async () => {
      const registry = testRegistry();
      const authority = await createAuthority();
      const passed: string[] = [];
      for (const name of ['catalog', 'tryout']) {
        const home = join(folder, name);
        await liftOut(copy.folder, `services/${name}`, home, tarballs);
        const said = await testIn(home);
        passed.push(`${name} ${/Tests: +(\d+) passed, \1 total/.exec(said)?.[1]}`);
        const [service] = (await pack(home, ['.'], folder)).values();
        expect(service?.files).toEqual(expect.arrayContaining(['README.md', 'dist/main.js']));
        expect(service?.files.filter((path) => /test|^src/.test(path))).toEqual([]);
        await start(name, join(home, 'dist/main.js'), {
          ...(await settings(name, registry, await authority.issue(name))),
          GRPC_HOST: '127.0.0.1',
          GRPC_PORT: String(await getPort({ host: '127.0.0.1' })),
          DATABASE_URL: await testDatabase(),
          MIGRATE: 'at-start',
        });
      }
      const home = join(folder, 'edge');
      await install(home, tarballs);
      const port = String(await getPort({ host: '127.0.0.1' }));
      await start('edge', join(home, 'node_modules/@weft/edge/dist/main.js'), {
        ...(await settings('edge', registry, await authority.issue('edge'))),
        DESCRIPTORS: join(home, 'node_modules/@weft/proto/gen/descriptors.binpb'),
        HTTP_HOST: '127.0.0.1',
        HTTP_PORT: port,
      });
      const url = `http://127.0.0.1:${port}`;
      await eventually(async () => (await ask(url, 'GET', '/v1/products')).status === 200);
      const refused = await ask(url, 'GET', '/v1/attempts');
      expect(JSON.stringify(refused.body)).toContain('TOKEN_REQUIRED');
      process.stderr.write(`figures: outside of the repository, tests passed: ${passed.join(', ')}\n`);
    },
    limitMs,
  );

  test('what is packed is what the exports lead to, without tests and sources', () => {
    for (const { path, manifest } of all.filter((each) => tarballs.has(each.manifest.name))) {
      const files = new Set(tarballs.get(manifest.name)?.files);
      expect(files).toContain('README.md');
      expect([...files].filter((file) => /\.test\.|^src\//.test(file))).toEqual([]);
      for (const target of targetsOf(manifest.exports).filter((each) => !each.includes('*')))
        expect([path, target, files.has(target.slice(2))]).toEqual([path, target, true]);
    }
  });
}

/** The files that `exports` leads to, under whatever conditions. */
function targetsOf(exported: unknown): string[] {
  if (typeof exported === 'string') return [exported];
  return Object.values(exported ?? {}).flatMap(targetsOf);
}
