import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { freePorts } from '../ports.ts';
import { silent } from '../steps.ts';
import { blocksOf, scriptOf } from './document.test.support.ts';
import { generateService } from './generate.ts';
import { serviceNames } from './names.ts';
import { copyRepository, type RepositoryCopy } from './repository-copy.test.support.ts';

// docs/new-service.md, as it tells people to type it, in a copy of the repository. WALK_THROUGH=whole runs it
// to its end, with the system up; else it goes as far as the tests of the new service.

const whole = process.env['WALK_THROUGH'] === 'whole';
const limitMs = 180_000;

/** As long as the document's, so that lines break where its changes expect them. */
const others: Readonly<Record<string, string>> = {
  shipping: 'dispatch',
  shipment: 'postcard',
  Shipment: 'Postcard',
};

let copy: RepositoryCopy;

beforeAll(async () => {
  copy = await copyRepository();
}, limitMs);

afterAll(() => copy?.remove(), limitMs);

/** Every source file with its content; of folders only what `make` made is left out. */
function sources(): Record<string, string> {
  const made = /(^|\/)(dist|gen|node_modules\/(?!@weft)[^/]+|\.weft)(\/|$)|\.tsbuildinfo$/;
  const files = readdirSync(copy.folder, { recursive: true, encoding: 'utf8' }).filter(
    (path) => !made.test(path),
  );
  return Object.fromEntries(
    files.map((path) => {
      const file = join(copy.folder, path);
      return [path, statSync(file).isFile() ? readFileSync(file, 'utf8') : ''];
    }),
  );
}

const generate = (name: string, resource?: string, signal = new AbortController().signal) =>
  generateService(serviceNames(name, resource), { root: copy.folder, steps: silent, signal });

test('a failure on the way, or an interrupt, leaves nothing behind', async () => {
  const manifest = join(copy.folder, 'package.json');
  const good = readFileSync(manifest, 'utf8');
  writeFileSync(manifest, '{');
  const before = sources();
  await expect(generate('tryout')).rejects.toThrow('lockfile');
  expect(sources()).toEqual(before);
  writeFileSync(manifest, good);
  const interrupted = generate('tryout', 'attempt', AbortSignal.abort(new Error('interrupted')));
  await expect(interrupted).rejects.toThrow('interrupted');
  expect(sources()).toEqual({ ...before, 'package.json': good });
});

test(
  'the walk-through of the document does what it says',
  async () => {
    const page = readFileSync(join(copy.folder, 'docs/new-service.md'), 'utf8');
    // Whoever has made this very service by the document makes another here.
    const taken = existsSync(join(copy.folder, 'services/shipping'));
    const steps = scriptOf(blocksOf(page, whole ? 'What next' : '3. Run it'));
    const script = taken ? steps.replace(/shipping|shipment/gi, (word) => others[word] ?? word) : steps;
    const [ports, { CATALOG_PORT, CATALOG_ADMIN_PORT }] = await Promise.all([freePorts(), freePorts()]);
    const own = taken ? 'DISPATCH' : 'SHIPPING';
    const all = { ...ports, [`${own}_PORT`]: CATALOG_PORT, [`${own}_ADMIN_PORT`]: CATALOG_ADMIN_PORT };
    const environment = Object.fromEntries(Object.entries(all).map(([name, port]) => [name, String(port)]));
    const startedAt = Date.now();
    const said = await copy.shell(
      script.replaceAll('http://localhost:8080', `http://127.0.0.1:${ports.EDGE_PORT}`),
      environment,
    );
    const seconds = ((Date.now() - startedAt) / 1000).toFixed(0);
    expect(said).toMatch(/Tests: +12 passed/);
    if (!whole) return;
    expect(said).toContain('TOKEN_REQUIRED');
    expect(said).toContain('"status":"PENDING"');
    expect(said).toMatch(/"name":"Books","status":"ACTIVE".*"address":"1 Harbour Street"/);
    process.stderr.write(`figures: from nothing to a first answer and down again in ${seconds} s\n`);
  },
  limitMs,
);

test(
  'what is made is formatted like the rest, whatever the names; NAME alone is enough',
  async () => {
    await generate('tryouts');
    await generate('rehearsal', 'stage-fright');
    await copy.shell('oxfmt --check services tools .oxlintrc.json tsconfig.json');
    if (whole) await copy.shell('make build && oxlint services && buf lint');
  },
  limitMs,
);
