import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { readdirSync, readFileSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../paths.ts';
import { waitFor } from '../wait-for.ts';
import type { ApiServer } from './api-server.ts';
import { examples } from './examples.ts';
import { collection, parseManifests, podOf, type Manifest } from './manifests.ts';
import { chartFolder, render, run, toolsFolder } from './toolbox.ts';

const namespace = 'shop';

/** Makes the namespace, with restricted Pod Security enforced, and the kinds of others that the chart speaks of. */
export async function prepare(api: ApiServer): Promise<void> {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  await made(api, '/api/v1/namespaces', { metadata: { name: namespace, labels } });
  // A controller makes it otherwise, and there is none here.
  await made(api, `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name: 'default' } });
  const crds = join(toolsFolder, 'crds');
  for (const file of readdirSync(crds)) {
    const [crd] = parseManifests(readFileSync(join(crds, file), 'utf8'));
    if (crd === undefined) throw new Error(`${file} has no definition`);
    await made(api, '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', crd);
  }
  const served = async () =>
    (
      await Promise.all(
        [
          'cert-manager.io/v1/certificates',
          'gateway.networking.k8s.io/v1/httproutes',
          'monitoring.coreos.com/v1/servicemonitors',
        ].map((path) => api.ask('GET', `/apis/${path}`)),
      )
    ).every(({ status }) => status === 200);
  if (!(await waitFor(served, 30_000))) throw new Error('the kinds of others are not served');
}

/**
 * Asks the API to make every object of every example, of an upgrade too, and every pod that they would have made,
 * without keeping them: what it does not know, does not allow or would warn of rejects. Returns how many they were.
 */
export async function checkAccepted(
  api: ApiServer,
): Promise<{ readonly objects: number; readonly pods: number }> {
  let [objects, pods] = [0, 0];
  for (const { args } of examples)
    for (const upgrade of [[], ['--is-upgrade']])
      for (const manifest of parseManifests(await render(chartFolder, [...args, ...upgrade]))) {
        // Its object is there: the chart is installed, and a name is taken but once.
        await accepted(api, renamed(manifest));
        objects += 1;
        const pod = podOf(manifest);
        if (pod === undefined) continue;
        await accepted(api, renamed(pod));
        pods += 1;
      }
  return { objects, pods };
}

/** Installs the chart with helm, and rejects unless the API then has what it is to have. Returns the kinds. */
export async function install(api: ApiServer): Promise<string> {
  const values = join(chartFolder, 'values-dev.yaml');
  const env = { KUBECONFIG: api.kubeconfig };
  await run('helm', ['install', 'weft', chartFolder, '--namespace', namespace, '--values', values], { env });
  const manifests = parseManifests(
    await run('helm', ['get', 'manifest', 'weft', '--namespace', namespace], { env }),
  );
  const counts = new Map<string, number>();
  for (const manifest of manifests) {
    const path = `${collection(manifest, namespace)}/${manifest.metadata.name}`;
    const { status } = await api.ask('GET', path);
    if (status !== 200) throw new Error(`${path} is not there: ${status}`);
    counts.set(manifest.kind, (counts.get(manifest.kind) ?? 0) + 1);
  }
  return [...counts].map(([kind, count]) => `${count} ${kind}`).join(', ');
}

/** Rejects unless Pod Security refuses pods that want more than the chart's. Returns how many were refused. */
export async function checkRefused(api: ApiServer): Promise<number> {
  const deployment = parseManifests(await render(chartFolder, examples[0]?.args ?? [])).find(
    ({ kind }) => kind === 'Deployment',
  );
  const pod = deployment && podOf(deployment);
  if (pod === undefined) throw new Error('there is no pod to spoil');
  const spec = pod.spec as { readonly containers: readonly object[] };
  const spoilt = (context: object, rest: object = {}): Manifest => ({
    ...pod,
    spec: {
      ...spec,
      ...rest,
      containers: spec.containers.map((one) => ({ ...one, securityContext: context })),
    },
  });
  const cases = [
    spoilt({ privileged: true }),
    spoilt({ allowPrivilegeEscalation: false }),
    spoilt({ allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }, { hostNetwork: true }),
    spoilt({ allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }, { securityContext: {} }),
  ];
  for (const manifest of cases) {
    const { status, body } = await api.ask(
      'POST',
      `${collection(manifest, namespace)}?dryRun=All`,
      renamed(manifest),
    );
    if (status !== 403 || body.message?.includes('violates PodSecurity "restricted') !== true)
      throw new Error(`a pod that wants too much was answered ${status} ${body.message ?? ''}`);
  }
  return cases.length;
}

/**
 * Runs the Job's program with the token of its account: it makes the Secrets of the release, keeps them the second
 * time, and can read no other. Rejects when it is otherwise.
 */
export async function checkSetup(api: ApiServer): Promise<void> {
  const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts/weft-setup/token`;
  const { body } = await api.ask('POST', accounts, { spec: { expirationSeconds: 600 } });
  const { token } = body['status'] as { readonly token: string };
  const folder = await mkdtemp(join(tmpdir(), 'weft-account-'));
  try {
    await writeFile(join(folder, 'token'), token, { mode: 0o600 });
    await writeFile(join(folder, 'namespace'), namespace);
    const job = parseManifests(await render(chartFolder, examples[0]?.args ?? [])).find(
      ({ kind, metadata }) => kind === 'Job' && metadata.name.includes('setup'),
    );
    const spec = (job && podOf(job))?.spec as SetupPod | undefined;
    const env = {
      ...Object.fromEntries(spec?.containers[0]?.env.map(({ name, value }) => [name, value]) ?? []),
      ACCOUNT_FOLDER: folder,
      KUBERNETES_SERVICE_HOST: api.host,
      KUBERNETES_SERVICE_PORT: String(api.port),
      NODE_EXTRA_CA_CERTS: api.caFile,
    };
    const program = [join(root, 'tools/dist/chart/setup.js')];
    const first = await run(process.execPath, program, { env });
    const again = await run(process.execPath, program, { env });
    if (!first.includes('catalog, edge, identity, ordering') || !again.includes('none, all are good'))
      throw new Error(`the Job said:\n${first}${again}`);
  } finally {
    await rm(folder, { recursive: true });
  }
  const secrets = `/api/v1/namespaces/${namespace}/secrets`;
  const data = (await api.ask('GET', `${secrets}/weft-catalog-tls`)).body['data'] as Readonly<
    Record<string, string>
  >;
  const certificate = new X509Certificate(Buffer.from(data['tls.crt'] ?? '', 'base64'));
  if (certificate.subjectAltName?.includes('URI:spiffe://weft.local/catalog') !== true)
    throw new Error(`the catalog's certificate is of ${certificate.subjectAltName}`);
  await made(api, secrets, { metadata: { name: 'other' }, stringData: { a: 'b' } });
  for (const [method, path] of [
    ['GET', '/other'],
    ['GET', ''],
    ['DELETE', '/weft-catalog-tls'],
  ] as const) {
    const { status } = await api.ask(method, secrets + path, undefined, token);
    if (status !== 403) throw new Error(`the Job's account may ${method} ${secrets}${path}: ${status}`);
  }
}

interface SetupPod {
  readonly containers: readonly {
    readonly env: readonly { readonly name: string; readonly value: string }[];
  }[];
}

async function accepted(api: ApiServer, manifest: Manifest): Promise<void> {
  await made(api, `${collection(manifest, namespace)}?dryRun=All&fieldValidation=Strict`, manifest);
}

async function made(api: ApiServer, path: string, body: object): Promise<void> {
  const { status, body: answer } = await api.ask('POST', path, body);
  if (status !== 201)
    throw new Error(`POST ${path}: ${status} ${answer.message ?? ''}\n${JSON.stringify(body)}`);
}

function renamed(manifest: Manifest): Manifest {
  return { ...manifest, metadata: { ...manifest.metadata, name: `${manifest.metadata.name}-new` } };
}
