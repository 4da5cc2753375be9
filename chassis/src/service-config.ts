import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { env, type ConfigOf } from './config.ts';
import type { EtcdAccess } from './discovery/etcd/address.ts';
import { logLevels } from './logger.ts';
import { telemetrySchema } from './telemetry.ts';

/** Variables of every process, whatever it serves and whomever it calls. */
export const processSchema = {
  adminHost: env.string('ADMIN_HOST', {
    default: '127.0.0.1',
    form: 'host',
    about: 'where /healthz, /readyz and /metrics are, open to whoever reaches it',
  }),
  trustDomain: env.string('TRUST_DOMAIN', {
    default: 'weft.local',
    form: 'name',
    about: 'the SPIFFE trust domain of the certificates',
  }),
  tokenIssuer: env.string('TOKEN_ISSUER', {
    optional: true,
    form: 'issuer',
    about: 'who issues the tokens of users (iss)',
  }),
  tokenAudience: env.string('TOKEN_AUDIENCE', {
    optional: true,
    form: 'audience',
    about: 'for whom they are issued (aud)',
  }),
  tokenKeys: env.string('TOKEN_KEYS', {
    optional: true,
    form: 'https URL|method',
    about: 'where their signing keys are: a JWK Set, or a method that answers one as google.api.HttpBody',
  }),
  tokenRevocations: env.string('TOKEN_REVOCATIONS', {
    optional: true,
    form: 'method',
    about: 'who tells of sessions that were ended: a method that streams weft.v1.Revocations',
  }),
  instanceId: env.string('INSTANCE_ID', {
    default: randomUUID(),
    form: 'id',
    about: 'tells this process from others like it',
  }),
  zone: env.string('ZONE', {
    default: '',
    form: 'zone',
    about: 'where it runs: instances of the same zone are called first',
  }),
  cacheDir: env.string('CACHE_DIR', {
    optional: true,
    form: 'folder',
    about: 'keeps the last known instances for the next start',
  }),
  logLevel: env.oneOf('LOG_LEVEL', logLevels, { default: 'info', about: 'what is logged, as lines of JSON' }),
  ...telemetrySchema,
} as const;

/** What a registry with TLS (`etcds://`) wants to see. */
export const registrySchema = {
  registryCaFile: env.file('REGISTRY_CA_FILE', {
    optional: true,
    about: 'authorities of the certificate of the registry, with etcds://',
  }),
  registryCertFile: env.file('REGISTRY_CERT_FILE', {
    optional: true,
    about: 'a certificate for the registry to check',
  }),
  registryKeyFile: env.file('REGISTRY_KEY_FILE', { optional: true, about: 'the key of REGISTRY_CERT_FILE' }),
  registryUser: env.string('REGISTRY_USER', {
    optional: true,
    form: 'name',
    about: 'a user of the registry, with etcds:// alone',
  }),
  registryPassword: env.string('REGISTRY_PASSWORD', {
    optional: true,
    secret: true,
    about: 'the password of REGISTRY_USER',
  }),
} as const;

/** What a registry with TLS is shown, by these variables. */
export function registryAccess(config: ConfigOf<typeof registrySchema>): EtcdAccess {
  const { registryCaFile: caFile, registryCertFile: certFile, registryKeyFile: keyFile } = config;
  return { caFile, certFile, keyFile, user: config.registryUser, password: config.registryPassword };
}

/** Variables of every process of the mesh: who it is, whom it trusts, where it finds the others. */
export const meshSchema = {
  ...processSchema,
  adminPort: env.port('ADMIN_PORT'),
  registry: env.string('REGISTRY'),
  ...registrySchema,
  caFile: env.file('TLS_CA_FILE'),
  certFile: env.file('TLS_CERT_FILE'),
  keyFile: env.file('TLS_KEY_FILE'),
  compressAboveBytes: env.integer('COMPRESS_ABOVE_BYTES', {
    min: 1_000,
    optional: true,
    about: 'messages between services longer than this are compressed, where both sides take it',
  }),
  descriptors: env.file('DESCRIPTORS', { default: defaultDescriptors() }),
} as const;

/** Variables of a gRPC service. */
export const serviceSchema = {
  ...meshSchema,
  grpcHost: env.string('GRPC_HOST', { default: '127.0.0.1' }),
  grpcPort: env.port('GRPC_PORT'),
  advertiseHost: env.string('ADVERTISE_HOST', { optional: true }),
  registryLease: env.duration('REGISTRY_LEASE', { min: 2_000, max: 600_000, default: 10_000 }),
  maxConcurrentCalls: env.integer('MAX_CONCURRENT_CALLS', { min: 1, default: 2_000 }),
  maxConcurrentStreams: env.integer('MAX_CONCURRENT_STREAMS', { min: 1, default: 10_000 }),
  faults: env.oneOf('FAULTS', ['on', 'off'], {
    default: 'off',
    about: 'faults on demand: never in production',
  }),
} as const;

/** Variables of a service that keeps data. */
export const databaseSchema = {
  databaseUrl: env.url('DATABASE_URL', { protocols: ['mysql:'], secret: true }),
  migrate: env.oneOf('MIGRATE', ['at-start', 'only', 'wait', 'off'], { default: 'off' }),
  sagaRetentionDays: env.integer('SAGA_RETENTION_DAYS', {
    min: 7,
    max: 3_650,
    default: 7,
    about: 'days that sagas are kept after their end',
  }),
} as const;

function defaultDescriptors(): string {
  return createRequire(import.meta.url).resolve('@weft/proto/descriptors.binpb');
}
