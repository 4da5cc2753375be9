import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { faultsOf, readScrapes } from '../promql.ts';
import { workloads, type World } from './world.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const page = (path: string) => readFile(`${root}/${path}`, 'utf8');

interface Alert {
  readonly name: string;
  readonly expression: string;
  readonly runbook: string;
}

/** The rules of a file whose expressions have a line each. */
function alertsIn(yaml: string): Alert[] {
  return yaml
    .split(/^ +- alert: /m)
    .slice(1)
    .map((rule) => ({
      name: rule.split('\n', 1)[0] ?? '',
      expression: /^ +expr: (.+)$/m.exec(rule)?.[1] ?? '',
      runbook: /^ +runbook: (.+)$/m.exec(rule)?.[1] ?? '',
    }));
}

/** Every `expr` of a dashboard. */
function expressionsIn(node: unknown): string[] {
  if (typeof node !== 'object' || node === null) return [];
  return Object.entries(node).flatMap(([key, value]) =>
    key === 'expr' ? [String(value)] : expressionsIn(value),
  );
}

/** What Prometheus scrapes of a running shop. Faults on demand have been at work before. */
export function metrics(world: () => World): void {
  describe('metrics', () => {
    test('have a description and a unit each, and a value for every mechanism', async () => {
      const texts = await Promise.all(workloads.map((name) => world().scrape(name)));
      for (const text of texts) {
        expect(text).not.toContain('description missing');
        const typed = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
        const united = new Set([...text.matchAll(/^# UNIT (\S+) \S/gm)].map(([, name]) => name));
        expect(typed.filter((name) => name !== 'target_info' && !united.has(name))).toEqual([]);
      }
      const catalog = texts[1] ?? '';
      const value = (name: string) =>
        Number(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)`, 'm').exec(catalog)?.[1]);
      expect(value('weft_registry_registered')).toBe(1);
      expect(value('weft_registry_lease_left')).toBeGreaterThan(3);
      expect(value('weft_registry_lease_left')).toBeLessThanOrEqual(10);
      expect(value('weft_registry_watch_age')).toBeLessThan(6);
      expect(value('weft_saga_alarms_total')).toBe(0);
      expect(value('db_client_connection_max')).toBeGreaterThan(0);
    });

    test('do not grow with paths, clients and users', async () => {
      const known = async () => (await world().scrape('edge')).split('\n').length;
      const ask = (i: number) =>
        Promise.all([
          world().rest.get(`/v1/products/${i}?pageSize=${i}`),
          world().rest.get(`/nothing/${i}`),
          fetch(`${world().system.edgeUrl}/none.${i}.Service/Method`, { method: 'POST', body: '{}' }),
          world().rest.call('POST', '/v1/orders', {
            token: `someone-${i}`,
            headers: { 'user-agent': `agent/${i}` },
            body: {},
          }),
        ]);
      await ask(0);
      const few = await known();
      for (let i = 1; i <= 250; i += 5) await Promise.all([0, 1, 2, 3, 4].map((j) => ask(i + j)));
      expect(await known()).toBe(few);
    }, 30_000);

    test('are those that the dashboard and the alert rules ask for, and each alert says what to do', async () => {
      const scraped = readScrapes(
        await Promise.all([...workloads, 'edge-2'].map((name) => world().scrape(name))),
      );
      const rules = alertsIn(await page('deploy/observability/alerts.yaml'));
      const panels = expressionsIn(JSON.parse(await page('deploy/observability/grafana/weft.json')));
      expect(rules.length).toBeGreaterThan(15);
      expect(panels.length).toBeGreaterThan(30);
      const faults = [...rules.map(({ expression }) => expression), ...panels].flatMap((expression) =>
        faultsOf(expression, scraped).map((fault) => `${fault}: ${expression}`),
      );
      expect(faults).toEqual([]);
      const anchors = new Set(
        [...(await page('docs/operations.md')).matchAll(/^#{2,4} (.+)$/gm)].map(([, title = '']) => title),
      );
      for (const { name, runbook } of rules) {
        expect([name, anchors.has(name)]).toEqual([name, true]);
        expect(runbook).toBe(`docs/operations.md#${name.toLowerCase()}`);
      }
    });
  });
}
