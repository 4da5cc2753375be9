import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { loadContract } from '@weft/chassis/load-contract';
import { parse } from 'yaml';
import { root } from '../paths.ts';
import { services, workloads } from '../workloads.ts';
import { callGraph } from './call-graph.ts';
import { examples, renderedFile } from './examples.ts';
import { parseManifests } from './manifests.ts';
import { chartFolder } from './toolbox.ts';
import { undocumentedValues } from './values-page.ts';

const values = readFileSync(join(chartFolder, 'values.yaml'), 'utf8');
const settings = parse(values) as {
  readonly services: Readonly<
    Record<string, { readonly kind: string; readonly calls: string[]; readonly database: boolean }>
  >;
};
const contract = loadContract(
  readFileSync(fileURLToPath(import.meta.resolve('@weft/proto/descriptors.binpb'))),
);

test('the chart has the workloads, and the calls between them are those of the contract', () => {
  expect(Object.keys(settings.services).sort()).toEqual(workloads.map(({ name }) => name as string).sort());
  const calls = Object.entries(settings.services).map(([name, service]) => [name, service.calls.toSorted()]);
  expect(Object.fromEntries(calls)).toEqual(callGraph(contract, 'edge'));
});

test('who keeps data has a database in the chart', () => {
  const withDatabase = Object.entries(settings.services).filter(([, { database }]) => database);
  expect(withDatabase.map(([name]) => name).sort()).toEqual(
    services.map(({ name }) => name as string).sort(),
  );
});

test.each(examples.map((example) => [example.name, example] as const))(
  'the policies rendered for %s let each be called by exactly its callers',
  (_, example) => {
    const manifests = parseManifests(readFileSync(renderedFile(example), 'utf8'));
    const policies = manifests.filter(({ kind }) => kind === 'NetworkPolicy');
    // A service that is newer than the example is missed by make chart-check.
    const isRendered = (service: string) =>
      manifests.some(({ metadata }) => metadata.name === `weft-${service}`);
    const name = 'app.kubernetes.io/name';
    for (const [from, calls] of Object.entries(callGraph(contract, 'edge')).filter(([name]) =>
      isRendered(name),
    )) {
      const called = calls.filter(isRendered);
      const { spec } = policies.find(({ metadata }) => metadata.name === `weft-${from}`) as unknown as Policy;
      const rule = spec.egress.find(({ ports }) => ports[0]?.port === 50051);
      expect(rule?.to?.map(({ podSelector }) => podSelector.matchLabels[name]).sort() ?? []).toEqual(called);
      for (const to of called) {
        const { spec: other } = policies.find(
          ({ metadata }) => metadata.name === `weft-${to}`,
        ) as unknown as Policy;
        const inward = other.ingress.find(({ ports }) => ports[0]?.port === 50051);
        expect(inward?.from?.map(({ podSelector }) => podSelector.matchLabels[name])).toContain(from);
      }
    }
  },
);

interface Rule {
  readonly ports: readonly { readonly port: number }[];
  readonly to?: readonly {
    readonly podSelector: { readonly matchLabels: Readonly<Record<string, string>> };
  }[];
  readonly from?: Rule['to'];
}
interface Policy {
  readonly spec: { readonly ingress: readonly Rule[]; readonly egress: readonly Rule[] };
}

test('every template has unit tests', () => {
  const templates = readdirSync(join(chartFolder, 'templates'), { recursive: true, encoding: 'utf8' }).filter(
    (file) => /^[^_].*\.(yaml|txt)$/.test(file),
  );
  const tests = readdirSync(join(chartFolder, 'unit-tests'))
    .filter((file) => file.endsWith('_test.yaml'))
    .map((file) => readFileSync(join(chartFolder, 'unit-tests', file), 'utf8'));
  const untested = templates.filter((file) => !tests.some((text) => text.includes(`templates: [${file}]`)));
  expect(untested).toEqual([]);
});

test('every value says what it is', () => {
  expect(undocumentedValues(values)).toEqual([]);
  expect(undocumentedValues('a:\n  # What it is.\n  b: 1\n  c: 2\n')).toEqual(['a.c']);
});

test('images run as a user without rights, by a command without a shell; the services build alike', () => {
  const files = [
    ...services.map(({ name }) => `services/${name}/Dockerfile`),
    'edge/Dockerfile',
    'deploy/docker/tools.Dockerfile',
  ];
  for (const file of files) {
    const text = readFileSync(join(root, file), 'utf8');
    expect(text).toMatch(/^USER 65532:65532$/m);
    expect(text).toMatch(/^ENTRYPOINT \["node"/m);
    expect(text).toMatch(/^ARG NODE_IMAGE=gcr\.io\/distroless/m);
    expect(text).not.toMatch(/^(CMD|SHELL|ADD) /m);
  }
  const [first, ...others] = services.map(({ name }) =>
    readFileSync(join(root, `services/${name}/Dockerfile`), 'utf8')
      .replaceAll(`services/${name}`, 'services/NAME')
      .replace(/^# The image of .*$/m, '')
      .replace(/^LABEL[\s\S]*?licenses/m, ''),
  );
  for (const other of others) expect(other).toBe(first);
});
