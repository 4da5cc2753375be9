import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { root } from '../paths.ts';
import { packages } from '../polyrepo/packages.ts';

interface Step {
  readonly run?: string;
  readonly uses?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
}
interface Job {
  readonly uses?: string;
  readonly 'runs-on'?: string;
  readonly 'timeout-minutes'?: number;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly environment?: string;
  readonly steps?: readonly Step[];
}
interface Workflow {
  readonly on: Readonly<Record<string, { readonly paths?: readonly string[] } | null>>;
  readonly permissions?: object;
  readonly concurrency?: object;
  readonly jobs: Readonly<Record<string, Job>>;
}

const folder = join(root, '.github/workflows');
const texts = readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), 'utf8')] as const);
const workflows = texts.map(([file, text]) => [file, parse(text) as Workflow] as const);
const jobs = workflows.flatMap(([file, workflow]) =>
  Object.entries(workflow.jobs).map(([name, job]) => [`${file} ${name}`, job, workflow] as const),
);
const steps = jobs.flatMap(([where, { steps: own = [] }]) => own.map((step) => [where, step] as const));

test('everything that runs is a make target, so a laptop can run it', () => {
  const targets = new Set(
    [...readFileSync(join(root, 'Makefile'), 'utf8').matchAll(/^([a-z-]+):/gm)].map(([, name]) => name),
  );
  const commands = steps.flatMap(([where, { run }]) => (run === undefined ? [] : [[where, run] as const]));
  expect(commands.length).toBeGreaterThan(10);
  for (const [where, run] of commands) {
    const [, target] = /^make ([a-z-]+)( [A-Z]+="?[\w$:/.-]+"?)*$/.exec(run) ?? [];
    expect([where, run, targets.has(target)]).toEqual([where, run, true]);
  }
});

test('actions are pinned by their commit, and say which version that is', () => {
  const used = texts.flatMap(([, text]) => [...text.matchAll(/uses: (.*)$/gm)].map(([, what = '']) => what));
  for (const what of used) expect(what).toMatch(/^(\.\/\S+|[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$/);
  const local = used.filter((what) => what.startsWith('./'));
  expect(local.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

test('a job has the rights that it names, a limit in time and a known machine', () => {
  for (const [file, { permissions, concurrency, on }] of workflows) {
    expect([file, permissions]).toEqual([file, {}]);
    expect([file, concurrency !== undefined || 'workflow_call' in on]).toEqual([file, true]);
    expect(Object.keys(on)).not.toContain('pull_request_target');
  }
  for (const [where, job] of jobs) expect([where, job.permissions?.['contents']]).toEqual([where, 'read']);
  for (const [where, job] of jobs.filter(([, { uses }]) => uses === undefined))
    expect([where, job['runs-on'], job['timeout-minutes']]).toEqual([
      where,
      'ubuntu-24.04',
      expect.any(Number),
    ]);
  for (const [where, step] of steps.filter(([, { uses = '' }]) => uses.startsWith('actions/checkout')))
    expect([where, step.with?.['persist-credentials']]).toEqual([where, false]);
});

test('secrets and more rights than to read are those of a release alone', () => {
  for (const [where, job, { on }] of jobs) {
    const more = Object.values(job.permissions ?? {}).includes('write');
    const secret = /secrets\.|github\.token/.test(JSON.stringify(job));
    const released = job.environment === 'release' && JSON.stringify(on) === '{"push":{"tags":["v*"]}}';
    expect([where, more || secret]).toEqual([where, released]);
  }
});

test('each package has a workflow of its own, for changes to it alone', () => {
  for (const { path } of packages(root)) {
    const [, workflow] = workflows.find(([file]) => file === `${path.split('/').at(-1)}.yml`) ?? [];
    expect([path, workflow?.on['pull_request']?.paths?.[0]]).toEqual([path, `${path}/**`]);
  }
});

test('paths that start a workflow exist', () => {
  const paths = workflows.flatMap(([, { on }]) => Object.values(on).flatMap((event) => event?.paths ?? []));
  expect(paths.filter((path) => !existsSync(join(root, path.replace('/**', ''))))).toEqual([]);
});
