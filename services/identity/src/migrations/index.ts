import type { Migration } from '@weft/chassis/data/migrations';
import { account } from './0001-account.ts';
import { session } from './0002-session.ts';
import { refreshToken } from './0003-refresh-token.ts';
import { signingKey } from './0004-signing-key.ts';
import { rotationLock } from './0005-rotation-lock.ts';
import { rotationLockRow } from './0006-rotation-lock-row.ts';
import { wallet } from './0007-wallet.ts';
import { ledger } from './0008-ledger.ts';
import { revocation } from './0009-revocation.ts';
import { revocationHead } from './0010-revocation-head.ts';
import { revocationHeadRow } from './0011-revocation-head-row.ts';
import { signInAttempt } from './0012-sign-in-attempt.ts';

/** Identity's schema, in the order of the names. One that has run anywhere is never edited. */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001_account': account,
  '0002_session': session,
  '0003_refresh_token': refreshToken,
  '0004_signing_key': signingKey,
  '0005_rotation_lock': rotationLock,
  '0006_rotation_lock_row': rotationLockRow,
  '0007_wallet': wallet,
  '0008_ledger': ledger,
  '0009_revocation': revocation,
  '0010_revocation_head': revocationHead,
  '0011_revocation_head_row': revocationHeadRow,
  '0012_sign_in_attempt': signInAttempt,
};
