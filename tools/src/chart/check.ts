import { join } from 'node:path';
import { runTool } from '../fail.ts';
import { Steps } from '../steps.ts';
import { startApiServer } from './api-server.ts';
import { checkRendered, examples } from './examples.ts';
import { checkAccepted, checkRefused, checkSetup, install, prepare } from './installation.ts';
import { checkMutations } from './mutations.ts';
import { checkStrictness } from './strictness.ts';
import { chartFolder, kubernetesVersion, render, run } from './toolbox.ts';

// make chart-check: everything that can be known of the chart without a cluster. `--write` writes the rendered
// examples anew; `--quick` leaves out the Kubernetes API, which takes long to compile.

const has = (flag: string) => process.argv.includes(flag);
const text = (result: string) => result;

await runTool(async () => {
  const steps = new Steps();
  await steps.run('helm lint', async () => {
    for (const { args } of examples)
      await run('helm', ['lint', chartFolder, '--strict', '--kube-version', kubernetesVersion, ...args]);
  });
  await steps.run(
    'unit tests',
    () => run('helm-unittest', ['-f', 'unit-tests/*_test.yaml', chartFolder]),
    (said) => /^Tests: +(.*)$/m.exec(said)?.[1],
  );
  await steps.run('broken on purpose', checkMutations, (names) => `noticed: ${names.join('; ')}`);
  await steps.run('typos', checkStrictness, (count) => `${count} refused by name`);
  await steps.run('rendered examples', () => checkRendered(has('--write')));
  await steps.run('types of the API', checkTypes, text);
  if (has('--quick')) return;
  const api = await steps.run(`kube-apiserver ${kubernetesVersion}`, startApiServer);
  try {
    await steps.run(
      'namespace, definitions',
      () => prepare(api),
      () => undefined,
    );
    await steps.run('helm install', () => install(api), text);
    await steps.run(
      'accepted by the API',
      () => checkAccepted(api),
      ({ objects, pods }) => `${objects} objects, ${pods} pods`,
    );
    await steps.run(
      'refused by Pod Security',
      () => checkRefused(api),
      (count) => `${count} pods`,
    );
    await steps.run('the Job for Secrets', () => checkSetup(api));
  } finally {
    await api.stop();
  }
});

/** Every example decodes into the Go types of its APIs, and one that says too much does not. */
async function checkTypes(): Promise<string> {
  const counts: string[] = [];
  for (const { name, args } of examples)
    counts.push(`${name}: ${(await run('types', [], { input: await render(chartFolder, args) })).trim()}`);
  const wrong = (await render(join(chartFolder), examples[0]?.args ?? [])).replace(
    'periodSeconds:',
    'periodSecond:',
  );
  const refused = await run('types', [], { input: wrong }).then(
    () => false,
    (error: Error) => error.message.includes('periodSecond'),
  );
  if (!refused) throw new Error('a field that no type has is not noticed');
  return counts.join(', ');
}
