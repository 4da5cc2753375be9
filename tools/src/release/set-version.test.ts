import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { root } from '../paths.ts';

const template = 'tools/templates/service/services/workshop';
const versioned = [
  'docker-bake.hcl',
  'deploy/compose.yaml',
  'deploy/helm/weft/Chart.yaml',
  'deploy/docker',
  template,
];
const dockerfiles = [
  'edge/Dockerfile',
  ...readdirSync(join(root, 'services')).map((name) => `services/${name}/Dockerfile`),
];

test('a new version is said by every image, the chart and compose.yaml', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-version-'));
  try {
    const files = [...versioned, ...dockerfiles, 'chassis/package.json', 'tools/release/set-version.sh'];
    for (const path of files) cpSync(join(root, path), join(folder, path), { recursive: true });
    const manifest = join(folder, 'chassis/package.json');
    const before = (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
    writeFileSync(
      manifest,
      readFileSync(manifest, 'utf8').replace(`"version": "${before}"`, '"version": "77.8.9"'),
    );
    const { status, stderr } = spawnSync('sh', ['tools/release/set-version.sh'], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, '']);
    const said = ['Dockerfile', 'package.json'].map((file) =>
      readFileSync(join(folder, template, file), 'utf8'),
    );
    for (const text of said) expect([text.includes(before), text.includes('77.8.9')]).toEqual([false, true]);
    rmSync(join(folder, template), { recursive: true });
    const all = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => statSync(join(folder, path)).isFile() && !/package\.json$|\.sh$/.test(path))
      .map((path) => [path, readFileSync(join(folder, path), 'utf8')] as const);
    expect(all.filter(([, text]) => text.includes(before)).map(([path]) => path)).toEqual([]);
    expect(all.filter(([, text]) => !text.includes('77.8.9')).map(([path]) => path)).toEqual([]);
    expect(all.length).toBeGreaterThanOrEqual(8);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
