import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, jest } from '@jest/globals';
import { client, type Client } from '@weft/chassis/client/client';
import { startTestMesh, withToken, type TestMesh, type TestService } from '@weft/chassis/testing/mesh';
import { AccountServiceService } from '@weft/proto/shop/identity/v1/account';
import { KeyServiceService, SessionServiceService, type Session } from '@weft/proto/shop/identity/v1/session';
import { WalletServiceService } from '@weft/proto/shop/identity/v1/wallet';
import { identity } from './service.ts';
import type { Tables } from './tables.ts';

// A busy machine must not fail a test.
jest.setTimeout(30_000);

export const password = 'a long passphrase';

/** Identity under test, and clients of it. */
export interface TestIdentity {
  readonly mesh: TestMesh;
  readonly service: TestService<Tables>;
  readonly environment: Readonly<Record<string, string>>;
  readonly accounts: Client<AccountServiceService>;
  readonly sessions: Client<SessionServiceService>;
  readonly keys: Client<KeyServiceService>;
  /** A new person, signed in, with clients that carry their token. */
  person(): Promise<Person>;
  /** Stops everything and removes the key file. */
  close(): Promise<void>;
}

export interface Person {
  readonly email: string;
  readonly session: Session;
  readonly id: string;
  readonly accounts: Client<AccountServiceService>;
  readonly wallet: Client<WalletServiceService>;
}

/** Starts identity with a key file of its own and the first admin. */
export async function startIdentity(variables: Record<string, string> = {}): Promise<TestIdentity> {
  const mesh = await startTestMesh();
  const folder = mkdtempSync(join(tmpdir(), 'identity-'));
  const file = join(folder, 'key');
  writeFileSync(file, randomBytes(32).toString('base64'));
  const environment = {
    KEY_ENCRYPTION_KEY_FILE: file,
    ADMIN_EMAIL: 'Admin@Example.com',
    ADMIN_PASSWORD: password,
    ...variables,
  };
  const service = await mesh.start(identity, { environment });
  const edge = await mesh.as('edge');
  const accounts = client(AccountServiceService, edge);
  const sessions = client(SessionServiceService, edge);
  return {
    mesh,
    service,
    environment,
    accounts,
    sessions,
    keys: client(KeyServiceService, edge),
    async close() {
      await mesh.close();
      rmSync(folder, { recursive: true });
    },
    async person() {
      const email = `${randomBytes(6).toString('hex')}@example.com`;
      await accounts.createUser({ email, password, displayName: 'Ada' });
      const session = await sessions.createSession({ email, password });
      const own = withToken(edge, session.accessToken);
      return {
        email,
        session,
        id: session.user?.id ?? '',
        accounts: client(AccountServiceService, own),
        wallet: client(WalletServiceService, own),
      };
    },
  };
}

export const failure = (code: string, reason: string): object => expect.objectContaining({ code, reason });
