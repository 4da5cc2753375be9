import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chartFolder, runToEnd } from './toolbox.ts';

/** Ways to break the chart. The unit tests must notice each. */
const mutations: readonly {
  readonly name: string;
  readonly file: string;
  readonly from: string | RegExp;
  readonly to: string;
}[] = [
  {
    name: 'the containers lose their security context',
    file: '_pod.tpl',
    from: /readOnlyRootFilesystem: true\n/,
    to: '\n',
  },
  {
    name: 'readiness is asked of another port',
    file: 'workloads.yaml',
    from: '{ path: /readyz, port: admin }',
    to: '{ path: /readyz, port: http }',
  },
  {
    name: 'a policy lets everybody in',
    file: 'network-policies.yaml',
    from: '{{- range $callers }}\n        - podSelector:\n            matchLabels: {{- include "weft.selector" (dict "root" $ "name" .) | nindent 14 }}\n        {{- end }}',
    to: '- podSelector: {}',
  },
  {
    name: 'pods do not wait for their schema',
    file: 'workloads.yaml',
    from: '"migrate" "wait"',
    to: '"migrate" "off"',
  },
  {
    name: 'the Job may read every Secret',
    file: 'setup.yaml',
    from: ', resourceNames: {{ toJson $secrets }}',
    to: '',
  },
];

/** Rejects unless the unit tests fail for each mutation of a copy. Returns the mutations' names. */
export async function checkMutations(): Promise<readonly string[]> {
  for (const { name, file, from, to } of mutations) {
    const folder = await mkdtemp(join(tmpdir(), 'weft-chart-'));
    try {
      await cp(chartFolder, folder, { recursive: true });
      const path = join(folder, 'templates', file);
      const text = await readFile(path, 'utf8');
      if (text.replace(from, to) === text) throw new Error(`there is nothing to break: ${name}`);
      await writeFile(path, text.replace(from, to));
      const { code, output } = await runToEnd('helm-unittest', ['-f', 'unit-tests/*_test.yaml', folder]);
      if (code === 0 || !output.includes(' fail'))
        throw new Error(`no unit test notices that ${name}:\n${output}`);
    } finally {
      await rm(folder, { recursive: true });
    }
  }
  return mutations.map(({ name }) => name);
}
