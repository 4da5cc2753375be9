import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { root } from '../paths.ts';
import { withLintRule, withReference, withWorkload } from './registration.ts';

const text = (path: string) => readFileSync(join(root, path), 'utf8');

test('two new services get the next ports, each its own', () => {
  const one = withWorkload(text('tools/src/workloads.ts'), 'shipping');
  const lines = withWorkload(one, 'billing').match(/^ {2}\w+: \{ port.*$/gm) ?? [];
  expect(lines.slice(-3, -1)).toEqual([
    '  shipping: { port: 50054, adminPort: 9054 },',
    '  billing: { port: 50055, adminPort: 9055 },',
  ]);
  expect(lines.at(-1)).toContain('edge');
});

test('the build and every rule of the linter that names the other services name the new one', () => {
  const { references } = JSON.parse(withReference(text('tsconfig.json'), 'shipping')) as {
    references: { path: string }[];
  };
  expect(references.map(({ path }) => path)).toContain('services/shipping');
  const before = text('.oxlintrc.json');
  const after = withLintRule(before, 'shipping', 'shipment');
  expect(after.split('"@weft/shipping*"')).toHaveLength(before.split('"@weft/ordering*"').length);
  const { overrides } = JSON.parse(withLintRule(after, 'billing', 'invoice-line')) as {
    overrides: { files: string[] }[];
  };
  expect(overrides.find(({ files }) => files.includes('services/ordering/src/order.ts'))?.files).toEqual(
    expect.arrayContaining(['services/shipping/src/shipment.ts', 'services/billing/src/invoice-line.ts']),
  );
});

test('a file that no longer lists services as it did is refused, rather than left as it is', () => {
  expect(() => withWorkload('nothing', 'shipping')).toThrow('nothing is listed');
  expect(() => withReference('nothing', 'shipping')).toThrow('nothing is listed');
  expect(() => withLintRule('nothing', 'shipping', 'shipment')).toThrow('names no services');
});
