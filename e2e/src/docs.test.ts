import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { contracts } from '@weft/tools/grpc-call';
import { sagaNames } from '@weft/chassis/saga/graph';
import { withSagaPictures } from '@weft/tools/saga-picture';
import { startSystem, type System } from '@weft/tools/system';
import { expectOk, Rest } from './rest.ts';

// What the documents tell people to type is run here, as they are told to type it.

const root = fileURLToPath(new URL('../..', import.meta.url));
const buf = join(root, 'node_modules/.bin/buf');
const run = promisify(execFile);
const page = (path: string) => readFile(join(root, path), 'utf8');

/** The fenced blocks of a language under a heading, up to the next one. */
function blocks(markdown: string, heading: string, language: string): string[] {
  const section = markdown.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`no section ${heading}`);
  return [...section.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
    ([, code = '']) => code,
  );
}

/** The contracts in a folder of their own, to be changed. */
async function copyOfContracts(folder: string): Promise<string> {
  const isSource = (path: string) => !/\/(dist|gen|node_modules)$/.test(path);
  await cp(join(root, 'proto'), join(folder, 'proto'), { recursive: true, filter: isSource });
  await cp(join(root, 'buf.yaml'), join(folder, 'buf.yaml'));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

async function markdownFiles(): Promise<string[]> {
  const files = await readdir(root, { recursive: true });
  return files.filter((file) => file.endsWith('.md') && !/(^|\/)(node_modules|\.weft|dist)\//.test(file));
}

test('every make target that a document names exists', async () => {
  const targets = new Set([...(await page('Makefile')).matchAll(/^([a-z-]+):/gm)].map(([, name]) => name));
  for (const file of await markdownFiles()) {
    const commands = (await page(file)).matchAll(/(?:^|`)make ([a-z-]+)/gm);
    for (const [, target] of commands) expect([file, targets.has(target)]).toEqual([file, true]);
  }
});

test('every file that a document links to exists', async () => {
  for (const file of await markdownFiles())
    for (const [, link = ''] of (await page(file)).matchAll(/\]\(((?!https?:|#)[^)\s]+)\)/g)) {
      const target = join(root, file, '..', link.replace(/#.*/, ''));
      await expect(run('test', ['-e', target]).then(() => link)).resolves.toBe(link);
    }
});

test('the picture of each saga is that of the contract', async () => {
  const document = await page('docs/sagas.md');
  expect(withSagaPictures(document, contracts())).toBe(document);
  const pictures = [...document.matchAll(/<!-- saga:([a-z-]+) -->/g)].map(([, name]) => name);
  expect(new Set(pictures)).toEqual(new Set(sagaNames(contracts())));
});

describe('with the system running', () => {
  let system: System;
  let folder: string;

  beforeAll(async () => {
    [system, folder] = await Promise.all([startSystem(), mkdtemp(join(tmpdir(), 'weft-docs-'))]);
  }, 120_000);

  afterAll(async () => {
    await system?.stop();
    await rm(folder, { recursive: true, force: true });
  }, 60_000);

  test("the README's story in curl ends in a confirmed order", async () => {
    const script = blocks(await page('README.md'), 'The story in curl', 'sh').join('\n');
    expect(script).toContain('http://localhost:8080');
    const { stdout } = await run('bash', [
      '-euo',
      'pipefail',
      '-c',
      script.replaceAll('http://localhost:8080', system.edgeUrl),
    ]);
    expect(stdout).toContain('"status":"CONFIRMED"');
    expect(stdout).toContain('"toState":"COMMITTED"');
  }, 30_000);

  test("an operator's commands about sagas do what the page says", async () => {
    const rest = new Rest(system.edgeUrl);
    const admin = await rest.signIn(system.admin.email, system.admin.password);
    const [product, buyer] = await Promise.all([rest.product(admin, 1, 10), rest.person(10)]);
    const { id } = await rest.order(buyer.token, product.id, 1);
    await rest.settled(buyer.token, id);
    const env = {
      ...process.env,
      SAGA: id as string,
      WEFT_FOLDER: dirname(dirname(system.identity('operator').ca)),
      ETCD_URL: system.registryUrl,
      NO_COLOR: '1',
    };
    const script = async (text: string) => run('bash', ['-euo', 'pipefail', '-c', text], { cwd: root, env });
    const [look = '', redrive = ''] = blocks(await page('docs/operations.md'), 'Sagas', 'sh');
    const { stdout } = await script(look);
    expect(stdout).toMatch(/place-order .* COMMITTED, decided by ordering/);
    expect(stdout).toContain('the services agree');
    for (const command of redrive.trim().split('\n'))
      await expect(script(command)).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringContaining('no such message is parked'),
      });
  }, 60_000);

  test('a field that is added to a contract is in the REST answer', async () => {
    const [field = ''] = blocks(await page('README.md'), 'Change a contract, see it in REST', 'proto');
    const copy = await copyOfContracts(join(folder, 'changed'));
    const contract = join(copy, 'proto/shop/catalog/v1/product.proto');
    const before = await readFile(contract, 'utf8');
    await writeFile(
      contract,
      before.replace(/^message Product \{\n/m, (line) => line + field),
    );
    const descriptors = join(folder, 'changed.binpb');
    await run(buf, ['build', 'proto', '--as-file-descriptor-set', '-o', descriptors], { cwd: copy });
    const edge = await system.start('edge', { instance: 2, env: { DESCRIPTORS: descriptors } });
    const { products } = expectOk(
      await new Rest(`http://127.0.0.1:${system.process(edge).port}`).get('/v1/products?pageSize=1'),
    );
    expect(products[0]).toHaveProperty('origin', '');
  }, 60_000);
});
