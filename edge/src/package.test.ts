import { execFile } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, expect, test } from '@jest/globals';
import { greeterContract, startGreeter } from './testing/greeter.ts';
import { runNode } from './testing/run-node.ts';

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'edge-package-'));
const packages = ['proto', 'chassis', 'edge'];
const root = fileURLToPath(new URL('../..', import.meta.url));
afterAll(() => rmSync(folder, { recursive: true }));

/**
 * Puts what npm would publish where npm would install it, and beside it what the packages declare that they
 * need, and nothing else.
 */
async function install(): Promise<string> {
  const modules = join(folder, 'node_modules');
  const bin = join(modules, '.bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"private": true, "type": "module"}');
  const options = ['--ignore-scripts', '--silent', '--pack-destination', folder];
  await run('npm', ['pack', ...options, ...packages.map((name) => join(root, name))], { cwd: root });
  for (const name of packages) {
    const to = join(modules, '@weft', name);
    const tarball = readdirSync(folder).find((file) => file.startsWith(`weft-${name}-`)) ?? '';
    mkdirSync(to, { recursive: true });
    await run('tar', ['-xzf', join(folder, tarball), '-C', to, '--strip-components=1']);
    const { dependencies } = JSON.parse(readFileSync(join(to, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    for (const dependency of Object.keys(dependencies)) link(dependency, modules, join(root, name));
  }
  const main = join(modules, '@weft/edge/dist/main.js');
  chmodSync(main, 0o755);
  symlinkSync(main, join(bin, 'weft-edge'));
  return main;
}

function link(dependency: string, modules: string, from: string): void {
  const to = join(modules, dependency);
  if (dependency.startsWith('@weft/')) return;
  const folders = createRequire(join(from, 'package.json')).resolve.paths(dependency) ?? [];
  const found = folders.map((path) => join(path, dependency)).find((path) => readable(path));
  if (found === undefined) throw new Error(`${dependency} is not installed`);
  mkdirSync(dirname(to), { recursive: true });
  rmSync(to, { force: true });
  symlinkSync(found, to);
}

function readable(path: string): boolean {
  try {
    return readFileSync(join(path, 'package.json')).length > 0;
  } catch {
    return false;
  }
}

test('what is published runs by itself: npx, a request, the library with its types', async () => {
  const main = await install();
  const { stdout } = await run('npx', ['--no-install', 'weft-edge', '--help'], { cwd: folder });
  expect(stdout).toContain('weft-edge --reflect static:127.0.0.1:9000');

  const upstream = await startGreeter(greeterContract());
  const edge = runNode(
    main,
    ['--reflect', `static:127.0.0.1:${upstream.port}`, '--port=0', '--admin-port=0'],
    {},
    folder,
  );
  try {
    await edge.until(/schema learned/);
    const [, port] = await edge.until(/"port":(\d+).*"serving"/);
    const answer = await fetch(`http://127.0.0.1:${port}/v1/hello/ada`);
    expect(await answer.json()).toEqual({ text: 'hello ada' });
    expect((await fetch(`http://127.0.0.1:${port}/openapi.json`)).status).toBe(200);
  } finally {
    await edge.kill();
    upstream.stop();
  }

  writeFileSync(
    join(folder, 'names.js'),
    "import * as edge from '@weft/edge'; console.log(Object.keys(edge).sort().join());",
  );
  const names = await run(process.execPath, ['names.js'], { cwd: folder });
  expect(names.stdout.trim()).toBe('RouteError,createEdge,defaultLimits,openEdge');
  expect(readdirSync(join(folder, 'node_modules/@weft/edge/dist'))).toContain('index.d.ts');
  expect(
    readdirSync(join(folder, 'node_modules/@weft/edge/dist')).filter((name) => name.includes('test')),
  ).toEqual([]);
});
