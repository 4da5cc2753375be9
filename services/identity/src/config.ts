import { env } from '@weft/chassis/config';

/** Identity's own variables, beside the chassis's. */
export const config = {
  tokenIssuer: env.string('TOKEN_ISSUER'),
  tokenAudience: env.string('TOKEN_AUDIENCE'),
  /** Protects the signing keys in the database, see key-encryption.ts. */
  keyEncryptionKeyFile: env.file('KEY_ENCRYPTION_KEY_FILE'),
  /** How long a signing key signs. */
  keyRotationHours: env.integer('KEY_ROTATION_HOURS', { default: 168, min: 1, max: 8760 }),
  /** The first admin, made at start unless the address has an account. Both or neither. */
  adminEmail: env.string('ADMIN_EMAIL', { optional: true }),
  adminPassword: env.string('ADMIN_PASSWORD', { optional: true, secret: true }),
};
