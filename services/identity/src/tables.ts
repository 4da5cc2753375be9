import type { Generated } from 'kysely';

/** Identity's own tables, as the driver gives and takes their values: BIGINT is a string. */
export interface Tables {
  account: AccountTable;
  session: SessionTable;
  refresh_token: RefreshTokenTable;
  signing_key: SigningKeyTable;
  rotation_lock: { id: number };
  revocation: RevocationTable;
  revocation_head: { id: number; sequence: string };
  sign_in_attempt: SignInAttemptTable;
  wallet: WalletTable;
  ledger: LedgerTable;
}

export interface AccountTable {
  id: Buffer;
  email: string;
  password_hash: string;
  display_name: string;
  /** A JSON array of strings. */
  roles: string;
  version: Generated<number>;
  created_at: Date;
  updated_at: Date;
}

export interface SessionTable {
  id: Buffer;
  account_id: Buffer;
  current_hash: Buffer;
  previous_hash: Buffer | null;
  rotated_at: Date;
  expires_at: Date;
}

export interface RefreshTokenTable {
  hash: Buffer;
  session_id: Buffer;
  created_at: Date;
}

export interface SigningKeyTable {
  kid: string;
  public_jwk: string;
  sealed_private_key: Buffer;
  signs_from: Date;
}

export interface RevocationTable {
  sequence: string;
  session_id: Buffer;
  until: Date;
}

export interface SignInAttemptTable {
  address_hash: Buffer;
  failures: number;
  last_at: Date;
}

export interface WalletTable {
  account_id: Buffer;
  balance_minor: string;
  currency: string;
}

export interface LedgerTable {
  id: Generated<string>;
  account_id: Buffer;
  kind: 'TOP_UP' | 'CHARGE' | 'REFUND';
  amount_minor: string;
  saga_id: Buffer | null;
  request_id: Buffer | null;
  balance_minor: string | null;
  created_at: Date;
}
