import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { root } from '../paths.ts';
import { readManifest } from '../polyrepo/packages.ts';
import {
  withContainer,
  withImage,
  withLintRule,
  withReference,
  withRelease,
  withScrape,
  withWorkload,
} from './registration.ts';

const text = (path: string) => readFileSync(join(root, path), 'utf8');

test('two new services get the next free ports, each its own, and stand before the edge', () => {
  const list = [
    '  catalog: { port: 50051, adminPort: 9051 },',
    '  ordering: { port: 50053, adminPort: 9052 },',
    '  edge: { port: 8080, adminPort: 9054 },',
  ];
  const one = withWorkload(`${list.join('\n')}\n`, 'tryout');
  expect(withWorkload(one, 'rehearsal').trimEnd().split('\n')).toEqual([
    ...list.slice(0, 2),
    '  tryout: { port: 50055, adminPort: 9055 },',
    '  rehearsal: { port: 50056, adminPort: 9056 },',
    list[2],
  ]);
  expect(withWorkload(text('tools/src/workloads.ts'), 'tryout')).toContain('tryout: { port: 5');
});

test('the build and every rule of the linter that names the other services name the new one', () => {
  const { references } = JSON.parse(withReference(text('tsconfig.json'), 'tryout')) as {
    references: { path: string }[];
  };
  expect(references.map(({ path }) => path)).toContain('services/tryout');
  const before = text('.oxlintrc.json');
  const after = withLintRule(before, 'tryout', 'attempt');
  expect(after.split('"@weft/tryout*"')).toHaveLength(before.split('"@weft/ordering*"').length);
  const { overrides } = JSON.parse(withLintRule(after, 'rehearsal', 'stage-fright')) as {
    overrides: { files: string[] }[];
  };
  expect(overrides.find(({ files }) => files.includes('services/ordering/src/order.ts'))?.files).toEqual(
    expect.arrayContaining(['services/tryout/src/attempt.ts', 'services/rehearsal/src/stage-fright.ts']),
  );
});

test('the new service has an image, and a place in the chart where the edge may call it', () => {
  expect(withImage(text('docker-bake.hcl'), 'tryout')).toContain(
    '{ name = "tryout", dockerfile = "services/tryout/Dockerfile" },',
  );
  const { services } = parse(withRelease(text('deploy/helm/weft/values.yaml'), 'tryout')) as {
    services: Record<string, { calls: string[] }>;
  };
  expect(services['tryout']).toEqual({ kind: 'grpc', calls: ['identity'], database: true });
  expect(services['edge']?.calls).toContain('tryout');
});

test('the new service runs in a container as the others do, and so does one after it', () => {
  const twice = withContainer(withContainer(text('deploy/compose.yaml'), 'tryout'), 'rehearsal');
  const { services, volumes } = parse(twice, { merge: true }) as {
    services: Record<string, { image: string; volumes: string[]; depends_on: object; environment: object }>;
    volumes: object;
  };
  for (const name of ['tryout', 'rehearsal']) {
    expect(JSON.stringify(services[name])).toBe(
      JSON.stringify(services['ordering']).replaceAll('ordering', name),
    );
    expect(services['secrets']?.volumes).toContain(`${name}-tls:/secrets/weft-${name}-tls`);
    expect(services['edge']?.depends_on).toHaveProperty(name);
    expect(volumes).toHaveProperty(`${name}-tls`);
  }
  const scraped = withScrape(text('deploy/compose/prometheus.yaml'), 'tryout');
  expect(scraped).toContain(
    '- job_name: tryout\n    dns_sd_configs: [{ names: [tryout], type: A, port: 9090',
  );
});

test('a file that no longer lists services as it did is refused, rather than left as it is', () => {
  expect(() => withWorkload('nothing', 'tryout')).toThrow('nothing is listed');
  expect(() => withReference('nothing', 'tryout')).toThrow('nothing is listed');
  expect(() => withImage('nothing', 'tryout')).toThrow('nothing is listed');
  expect(() => withRelease('nothing', 'tryout')).toThrow('lists no edge');
  expect(() => withContainer('nothing', 'tryout')).toThrow('nothing runs before the edge');
  expect(() => withScrape('nothing', 'tryout')).toThrow('nothing is listed');
  expect(() => withLintRule('nothing', 'tryout', 'attempt')).toThrow('names no services');
});

test('the sample pins what the other services pin', () => {
  const pins = (path: string) => {
    const { dependencies, devDependencies } = readManifest(join(root, path));
    return { ...dependencies, ...devDependencies };
  };
  expect(pins('services/catalog')).toMatchObject(pins('tools/templates/service/services/workshop'));
});
