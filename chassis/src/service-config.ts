import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { env } from './config.ts';
import { logLevels } from './logger.ts';
import { telemetrySchema } from './telemetry.ts';

/** Variables of every process of the mesh: who it is, whom it trusts, where it finds the others. */
export const meshSchema = {
  adminHost: env.string('ADMIN_HOST', { default: '127.0.0.1' }),
  adminPort: env.port('ADMIN_PORT'),
  registry: env.string('REGISTRY'),
  caFile: env.file('TLS_CA_FILE'),
  certFile: env.file('TLS_CERT_FILE'),
  keyFile: env.file('TLS_KEY_FILE'),
  trustDomain: env.string('TRUST_DOMAIN', { default: 'weft.local' }),
  tokenIssuer: env.string('TOKEN_ISSUER', { optional: true }),
  tokenAudience: env.string('TOKEN_AUDIENCE', { optional: true }),
  tokenKeys: env.string('TOKEN_KEYS', { optional: true }),
  descriptors: env.file('DESCRIPTORS', { default: defaultDescriptors() }),
  instanceId: env.string('INSTANCE_ID', { default: randomUUID() }),
  zone: env.string('ZONE', { default: '' }),
  cacheDir: env.string('CACHE_DIR', { optional: true }),
  logLevel: env.oneOf('LOG_LEVEL', logLevels, { default: 'info' }),
  ...telemetrySchema,
} as const;

/** Variables of a gRPC service. */
export const serviceSchema = {
  ...meshSchema,
  grpcHost: env.string('GRPC_HOST', { default: '127.0.0.1' }),
  grpcPort: env.port('GRPC_PORT'),
  advertiseHost: env.string('ADVERTISE_HOST', { optional: true }),
} as const;

/** Variables of a service that keeps data. */
export const databaseSchema = {
  databaseUrl: env.url('DATABASE_URL', { protocols: ['mysql:'], secret: true }),
  migrate: env.oneOf('MIGRATE', ['at-start', 'only', 'off'], { default: 'off' }),
} as const;

function defaultDescriptors(): string {
  return createRequire(import.meta.url).resolve('@weft/proto/descriptors.binpb');
}
