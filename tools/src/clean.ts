import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { endComposeShop } from './compose/project.ts';
import { dockerAnswers, removeContainer, removeVolume } from './docker.ts';
import { endProcess } from './end-process.ts';
import { runTool } from './fail.ts';
import { containerName } from './infrastructure.ts';
import { root, weftFolder } from './paths.ts';
import { Records } from './records.ts';

await runTool(async () => {
  await Promise.all(new Records(weftFolder).all().map((record) => endProcess(record)));
  await endComposeShop(weftFolder, { volumes: true });
  if (await dockerAnswers())
    for (const server of ['etcd', 'database'] as const) {
      await removeContainer(containerName(weftFolder, server));
      await removeVolume(containerName(weftFolder, server));
    }
  const { references } = JSON.parse(await readFile(join(root, 'tsconfig.json'), 'utf8')) as {
    readonly references: readonly { readonly path: string }[];
  };
  const packages = references.map(({ path }) => path);
  const made = ['proto/gen', ...packages.flatMap((name) => [`${name}/dist`, `${name}/tsconfig.tsbuildinfo`])];
  for (const path of [...made.map((name) => join(root, name)), weftFolder])
    await rm(path, { recursive: true, force: true });
});
