import { join } from 'node:path';
import { chartFolder, kubernetesVersion, runToEnd } from './toolbox.ts';

/** Typos and wrong values, and what the refusal must name. */
const refused: readonly (readonly [setting: string, named: string])[] = [
  ['discovry=dns', 'discovry'],
  ['discovery=consul', '/discovery'],
  ['image.tga=1', 'tga'],
  ['services.edge.replica=2', 'replica'],
  ['services.edg.replicas=2', '/services/edg'],
  ['services.catalog.calls=identity', '/services/catalog/calls'],
  ['services.catalog.autoscaling.max=2', 'max'],
  ['defaults.drainSeconds=5', '/defaults/drainSeconds'],
  ['certificates.source=cert_manager', '/certificates/source'],
  ['external.mysql.existingSecret=x', 'mysql'],
  ['networkPolicy.client=x', 'client'],
  ['route.typ=ingress', 'typ'],
  ['services.catalog.env.WORKERS=2', '/services/catalog/env/WORKERS'],
];

/** Rejects unless each of them is refused by the schema, by name. Returns how many they were. */
export async function checkStrictness(): Promise<number> {
  const values = join(chartFolder, 'values-dev.yaml');
  for (const [setting, named] of refused) {
    const { code, output } = await runToEnd('helm', [
      'template',
      'weft',
      chartFolder,
      '--values',
      values,
      '--kube-version',
      kubernetesVersion,
      '--set',
      setting,
    ]);
    if (code === 0) throw new Error(`--set ${setting} is no error`);
    if (!output.includes('schema') || !output.includes(named))
      throw new Error(`--set ${setting} is refused without a word of ${named}:\n${output}`);
  }
  return refused.length;
}
