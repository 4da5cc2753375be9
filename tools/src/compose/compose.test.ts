import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { root } from '../paths.ts';
import { services, workloads } from '../workloads.ts';

// What can be known of compose.yaml without an engine: its processes take the environment that it gives them, with
// the files that its `secrets` makes.

interface Service {
  readonly image: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly networks?: unknown;
  readonly network_mode?: string;
  readonly user?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly cap_add?: readonly string[];
  readonly privileged?: boolean;
  readonly security_opt?: readonly string[];
  readonly healthcheck?: object;
  readonly depends_on?: unknown;
  readonly profiles?: readonly string[];
}

const read = (path: string) => readFileSync(join(root, path), 'utf8');
const file = parse(read('deploy/compose.yaml'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean } | null>>;
};
const service = (name: string): Service => {
  const found = file.services[name];
  if (found === undefined) throw new Error(`compose.yaml has no ${name}`);
  return found;
};
/** `${NAME:-default}` as it is without a NAME. */
const withDefaults = (text: string) => text.replace(/\$\{\w+:-(.*?)\}/g, '$1');
const networksOf = ({ networks = [] }: Service) =>
  Array.isArray(networks) ? (networks as string[]) : Object.keys(networks as object);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'weft-compose-'));
  const made = makeSecrets();
  expect([made.status, made.stderr]).toEqual([0, '']);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function makeSecrets() {
  return spawnSync(process.execPath, [join(root, 'tools/dist/compose/secrets.js')], {
    encoding: 'utf8',
    env: { SECRETS_FOLDER: folder, READY_FILE: join(folder, 'ready'), ONCE: 'true' },
  });
}

/** What a service mounts, in the folder that `secrets` fills for it. */
function mounted(name: string, path: string): string {
  const mounts = (service(name).volumes ?? []).map((volume) => volume.split(':'));
  const [volume] = mounts.find(([, at = '/']) => path.startsWith(`${at}/`)) ?? [];
  const at = mounts.find(([source]) => source === volume)?.[1] ?? '';
  const filled = (service('secrets').volumes ?? []).find((each) => each.split(':')[0] === volume);
  if (filled === undefined) return path;
  return path.replace(at, filled.split(':')[1]?.replace('/secrets', folder) ?? '');
}

/** Boots a workload as the container does, as far as `--print-config`. */
function printConfig(name: string, change: NodeJS.ProcessEnv = {}) {
  const dockerfile = read(name === 'edge' ? 'edge/Dockerfile' : `services/${name}/Dockerfile`);
  const [, built = '[]'] = /^ENTRYPOINT (.*)$/m.exec(dockerfile) ?? [];
  const [, ...args] = service(name).entrypoint ?? (JSON.parse(built) as string[]);
  const image = Object.fromEntries(
    [...dockerfile.matchAll(/^\s+((?:GRPC|HTTP|ADMIN)_(?:HOST|PORT))=([\w.]+)/gm)].map(([, key, value]) => [
      key,
      value,
    ]),
  );
  const given = Object.entries(service(name).environment).map(([key, value]) => {
    const text = withDefaults(value);
    if (key === 'DESCRIPTORS')
      return [key, fileURLToPath(import.meta.resolve('@weft/proto/descriptors.binpb'))];
    return [key, text.startsWith('/') ? mounted(name, text) : text];
  });
  const paths = args.map((arg) =>
    arg.replace(/^(--env-file=)(.*)$/, (_, flag: string, path: string) => flag + mounted(name, path)),
  );
  return spawnSync(process.execPath, [...paths, '--print-config'], {
    cwd: root,
    encoding: 'utf8',
    env: { ...image, ...(Object.fromEntries(given) as NodeJS.ProcessEnv), ...change },
  });
}

test.each(workloads.map(({ name }) => name))('%s starts with what compose.yaml gives it', (name) => {
  const { status, stdout, stderr } = printConfig(name);
  expect([status, stderr]).toEqual([0, '']);
  const printed = new Set(stdout.split('\n').map((line) => line.replace(/(=| is not set).*/, '')));
  const unknown = Object.keys(service(name).environment).filter((variable) => !printed.has(variable));
  expect(unknown.filter((variable) => !variable.startsWith('OTEL_'))).toEqual([]);
});

test('what compose.yaml forgot would be found out', () => {
  const { status, stderr } = printConfig('catalog', { TLS_KEY_FILE: '' });
  expect([status, stderr]).toEqual([78, expect.stringContaining('TLS_KEY_FILE')]);
});

test('what starts again keeps its secrets, and each can be read by a group alone', () => {
  const key = join(folder, 'weft-catalog-tls/tls.key');
  const before = readFileSync(key, 'utf8');
  expect(makeSecrets().stdout).toBe('');
  expect(readFileSync(key, 'utf8')).toBe(before);
  expect((statSync(key).mode & 0o777).toString(8)).toBe('640');
  const sql = readFileSync(join(folder, 'weft-mysql/init.sql'), 'utf8');
  for (const { name } of services) {
    const url = readFileSync(join(folder, `weft-${name}-tls/process.env`), 'utf8');
    const { username, password, hostname } = new URL(url.replace('DATABASE_URL=', '').trim());
    expect(sql).toContain(`CREATE USER '${username}'@'%' IDENTIFIED BY '${password}'`);
    expect(JSON.stringify(service('mysql').networks)).toContain(hostname);
  }
});

test('nobody can do more than it must, and only what is for people has a port, on this machine alone', () => {
  for (const [name, each] of Object.entries(file.services)) {
    expect([name, each.read_only, each.cap_drop, each.security_opt]).toEqual([
      name,
      true,
      ['ALL'],
      ['no-new-privileges:true'],
    ]);
    expect([name, each.cap_add, each.privileged]).toEqual([name, undefined, undefined]);
    for (const port of each.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
  }
  const always = Object.entries(file.services).filter(([, { profiles }]) => profiles === undefined);
  expect(always.filter(([, { healthcheck }]) => healthcheck === undefined)).toEqual([]);
  const reach = (name: string) => networksOf(service(name));
  expect(reach('mysql')).toEqual(['data']);
  expect(
    Object.keys(file.services)
      .filter((name) => reach(name).includes('data'))
      .sort(),
  ).toEqual(['mysql', ...services.map(({ name }) => name as string)].sort());
  expect(reach('edge')).not.toContain('data');
  for (const name of ['mesh', 'data', 'seeing']) expect(file.networks[name]?.internal).toBe(true);
  expect(service('secrets').network_mode).toBe('none');
});

test('an identity is mounted by its workload alone', () => {
  for (const { name } of workloads) {
    const mounting = Object.entries(file.services).filter(([, { volumes = [] }]) =>
      volumes.some((volume) => volume.startsWith(`${name}-tls:`)),
    );
    expect(mounting.map(([who]) => who)).toEqual(['secrets', name]);
    expect(service(name).volumes).toContain(`${name}-tls:/identity:ro`);
  }
});

test('the images are those that are built here, at the version of the packages', () => {
  const bake = read('docker-bake.hcl');
  const built = [...bake.matchAll(/\{ name = "(\w+)"/g)].map(([, name]) => name);
  const version = /variable "VERSION"[\s\S]*?default\s+= "(.*)"/.exec(bake)?.[1];
  const ours = Object.values(file.services)
    .map(({ image }) => withDefaults(image))
    .filter((image) => image.startsWith('weft/'));
  expect(ours.sort()).toEqual(built.map((name) => `weft/${name}:${version}`).sort());
});

test('everything is scraped under the name that the alerts know, and the dashboard has its data source', () => {
  const { scrape_configs: jobs, rule_files: rules } = parse(read('deploy/compose/prometheus.yaml')) as {
    readonly scrape_configs: readonly {
      readonly job_name: string;
      readonly dns_sd_configs: readonly { readonly names: readonly string[]; readonly port: number }[];
    }[];
    readonly rule_files: readonly string[];
  };
  expect(jobs.map(({ job_name: name }) => name).sort()).toEqual(
    workloads.map(({ name }) => name as string).sort(),
  );
  for (const { job_name: name, dns_sd_configs: found } of jobs)
    expect(found).toEqual([expect.objectContaining({ names: [name], port: 9090 })]);
  expect(service('prometheus').volumes).toContain(`./observability/alerts.yaml:${rules[0]}:ro`);
  const { datasources } = parse(read('deploy/compose/grafana/datasources/weft.yaml')) as {
    readonly datasources: readonly { readonly type: string; readonly url: string }[];
  };
  for (const { url } of datasources) expect(Object.keys(file.services)).toContain(new URL(url).hostname);
});

test('the collector names only parts that it defines, and listens where traces are sent', () => {
  const collector = parse(read('deploy/compose/collector.yaml')) as Collector;
  for (const pipeline of Object.values(collector.service.pipelines))
    for (const kind of ['receivers', 'processors', 'exporters'] as const)
      expect(Object.keys(collector[kind])).toEqual(expect.arrayContaining([...pipeline[kind]]));
  expect(collector.receivers['otlp']?.protocols?.http.endpoint).toBe('0.0.0.0:4318');
  expect(read('deploy/compose.yaml')).toContain('http://collector:4318');
});

interface Collector {
  readonly receivers: Readonly<
    Record<string, { readonly protocols?: { readonly http: { readonly endpoint: string } } }>
  >;
  readonly processors: object;
  readonly exporters: object;
  readonly service: {
    readonly pipelines: Readonly<
      Record<string, Readonly<Record<'receivers' | 'processors' | 'exporters', readonly string[]>>>
    >;
  };
}
