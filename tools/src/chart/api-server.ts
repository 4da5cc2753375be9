import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEtcd } from '@weft/chassis/testing/servers';
import { ServerProcess } from '@weft/chassis/testing/server-process';
import getPort from 'get-port';
import { toolsFolder } from './toolbox.ts';

const startTimeoutMs = 180_000;

/** What the API answered. */
export interface ApiAnswer {
  readonly status: number;
  readonly body: { readonly message?: string } & Readonly<Record<string, unknown>>;
}

/** A Kubernetes API with its own etcd, and nothing behind it: it accepts objects, nobody acts on them. */
export interface ApiServer {
  readonly host: string;
  readonly port: number;
  /** The authority of its certificate, a file. */
  readonly caFile: string;
  /** For helm: a kubeconfig of the administrator. */
  readonly kubeconfig: string;
  /** Sends a request as the administrator, or with another's token. */
  ask(method: string, path: string, body?: object, token?: string): Promise<ApiAnswer>;
  stop(): Promise<void>;
}

/** Starts kube-apiserver as a cluster has it: RBAC, and the usual admission, Pod Security among it. */
export async function startApiServer(): Promise<ApiServer> {
  const folder = await mkdtemp(join(tmpdir(), 'weft-api-'));
  const file = (name: string) => join(folder, name);
  const admin = randomBytes(16).toString('hex');
  await writeFile(file('tokens.csv'), `${admin},admin,admin,"system:masters"\n`, { mode: 0o600 });
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await writeFile(file('accounts.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const etcd = await startEtcd();
  const port = await getPort({ host: '127.0.0.1' });
  const server = new ServerProcess({
    name: 'kube-apiserver',
    command: join(toolsFolder, 'kube-apiserver'),
    args: [
      `--etcd-servers=${etcd.url.replace('etcd://', 'http://')}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${port}`,
      `--cert-dir=${folder}`,
      `--token-auth-file=${file('tokens.csv')}`,
      '--authorization-mode=RBAC',
      // Only Pod Security is to stand in the way of a privileged pod.
      '--allow-privileged=true',
      '--service-cluster-ip-range=10.96.0.0/16',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${file('accounts.key')}`,
      `--service-account-signing-key-file=${file('accounts.key')}`,
      '--endpoint-reconciler-type=none',
    ],
    logFile: file('log'),
    detached: false,
    temporaryFolder: folder,
  });
  const caFile = file('apiserver.crt');
  // Its certificate is there some time after its start.
  const ask: ApiServer['ask'] = async (method, path, body, token = admin) =>
    send({ port, ca: readFileSync(caFile), method, path, body, token });
  const stop = async () => {
    await server.stop();
    await etcd.stop();
  };
  try {
    const ready = async () => (await ask('GET', '/readyz').catch(() => ({ status: 0 }))).status === 200;
    await server.waitUntil(ready, startTimeoutMs);
    const kubeconfig = file('kubeconfig');
    await writeFile(kubeconfig, kubeconfigOf(port, caFile, admin), { mode: 0o600 });
    return { host: '127.0.0.1', port, caFile, kubeconfig, ask, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Sent {
  readonly port: number;
  readonly ca: Buffer;
  readonly method: string;
  readonly path: string;
  readonly body: object | undefined;
  readonly token: string;
}

function send({ port, ca, method, path, body, token }: Sent): Promise<ApiAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        ca,
        method,
        path,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        timeout: 20_000,
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('end', () => {
          const body = text.startsWith('{') ? (JSON.parse(text) as ApiAnswer['body']) : { message: text };
          resolve({ status: response.statusCode ?? 0, body });
        });
      },
    );
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function kubeconfigOf(port: number, caFile: string, token: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin', namespace: 'shop' } }],
    clusters: [
      { name: 'test', cluster: { server: `https://127.0.0.1:${port}`, 'certificate-authority': caFile } },
    ],
    users: [{ name: 'admin', user: { token } }],
  });
}
