import { fileURLToPath } from 'node:url';
import { identityFiles } from './certificates.ts';
import type { DatabaseUrls } from './databases.ts';
import { portVariables, type Ports } from './ports.ts';
import { keyEncryptionKeyFile, type AdminLogin } from './secrets.ts';
import type { WorkloadName } from './workloads.ts';

/** What the processes of one system have in common. */
export interface SystemSettings {
  /** Where certificates, logs and data are. */
  readonly folder: string;
  readonly ports: Ports;
  /** As REGISTRY takes it. */
  readonly registry: string;
  readonly databases: DatabaseUrls;
  readonly admin: AdminLogin;
  /** For every process, on top of what it is given anyway. */
  readonly env?: NodeJS.ProcessEnv;
}

/** Of the starting shell only this reaches a service, so that a stray variable changes nothing. */
const inherited = /^(PATH|HOME|TMPDIR|TZ|LANG|LC_.*|LOG_LEVEL|OTEL_.*|WEFT_FAILPOINT.*|NODE_EXTRA_CA_CERTS)$/;

/** The shop's contract: with it the edge denies what it does not allow from the first moment on. */
const descriptors = fileURLToPath(import.meta.resolve('@weft/proto/descriptors.binpb'));

/** The whole environment of a workload's process. */
export function workloadEnvironment(
  name: WorkloadName,
  settings: SystemSettings,
  overrides: NodeJS.ProcessEnv = {},
): NodeJS.ProcessEnv {
  const { ports, folder, registry, databases, admin } = settings;
  const { port, adminPort } = portVariables(name);
  const files = identityFiles(folder, name);
  const databaseUrl = databases[name];
  return {
    ...Object.fromEntries(Object.entries(process.env).filter(([variable]) => inherited.test(variable))),
    NODE_ENV: 'development',
    // glibc then gives the 19 MiB of a password's hash back, rather than keep them for the next.
    MALLOC_MMAP_THRESHOLD_: '1048576',
    ...(name === 'edge'
      ? { HTTP_HOST: '127.0.0.1', HTTP_PORT: String(ports[port]), DESCRIPTORS: descriptors }
      : // make fault works on what is started here, which is never production.
        { GRPC_HOST: '127.0.0.1', GRPC_PORT: String(ports[port]), FAULTS: 'on' }),
    ADMIN_HOST: '127.0.0.1',
    ADMIN_PORT: String(ports[adminPort]),
    REGISTRY: registry,
    TLS_CA_FILE: files.ca,
    TLS_CERT_FILE: files.cert,
    TLS_KEY_FILE: files.key,
    TOKEN_ISSUER: 'https://identity.weft.local',
    TOKEN_AUDIENCE: 'weft',
    TOKEN_KEYS: 'shop.identity.v1.KeyService/GetKeySet',
    TOKEN_REVOCATIONS: 'shop.identity.v1.KeyService/WatchRevocations',
    ...(databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl, MIGRATE: 'at-start' }),
    ...(name === 'identity'
      ? {
          KEY_ENCRYPTION_KEY_FILE: keyEncryptionKeyFile(folder),
          ADMIN_EMAIL: admin.email,
          ADMIN_PASSWORD: admin.password,
        }
      : {}),
    ...settings.env,
    ...overrides,
  };
}
