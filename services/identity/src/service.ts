import { implement } from '@weft/chassis/server/implement';
import type { Built, DataParts, DataServiceOptions } from '@weft/chassis/service';
import { AccountServiceService } from '@weft/proto/shop/identity/v1/account';
import { KeyServiceService, SessionServiceService } from '@weft/proto/shop/identity/v1/session';
import { WalletServiceService } from '@weft/proto/shop/identity/v1/wallet';
import { createAccessTokens } from './access-token.ts';
import { accountService } from './account-service.ts';
import { config } from './config.ts';
import { ensureFirstAdmin } from './first-admin.ts';
import { readKeyEncryption } from './key-encryption.ts';
import { createKeyRing } from './key-ring.ts';
import { keyService } from './key-service.ts';
import { migrations } from './migrations/index.ts';
import { createPasswordHasher } from './password.ts';
import { createRevocationFeed } from './revocation-feed.ts';
import { sessionCleanup } from './session-cleanup.ts';
import { sessionService } from './session-service.ts';
import type { Tables } from './tables.ts';
import { walletBooks } from './wallet-books.ts';
import { walletService } from './wallet-service.ts';

const hourMs = 3_600_000;

/** Identity, as the chassis runs it. It does not start when the signing keys or the first admin cannot be had. */
export const identity: DataServiceOptions<Tables, typeof config> = {
  name: 'identity',
  config,
  migrations,
  build,
};

async function build(parts: DataParts<Tables, typeof config>): Promise<Built> {
  const { database, saga, logger } = parts;
  saga.audit(walletBooks);
  const { keyEncryptionKeyFile, keyRotationHours, ...rest } = parts.config;
  const encryption = readKeyEncryption(keyEncryptionKeyFile);
  const ring = createKeyRing({ database, encryption, lifetimeMs: keyRotationHours * hourMs, logger });
  await ring.refresh();
  const hasher = createPasswordHasher();
  await ensureFirstAdmin(database, hasher, logger, { email: rest.adminEmail, password: rest.adminPassword });
  const accessTokens = createAccessTokens(ring, { issuer: rest.tokenIssuer, audience: rest.tokenAudience });
  const feed = createRevocationFeed(database, logger);
  const successorKeys = encryption.derive('refresh token successor');
  return {
    services: [
      implement(AccountServiceService, accountService(database, hasher)),
      implement(
        SessionServiceService,
        sessionService({ database, hasher, accessTokens, successorKeys, feed, logger }),
      ),
      implement(KeyServiceService, keyService(ring, feed)),
      implement(WalletServiceService, walletService(database, saga)),
    ],
    tokens: {
      // Asked again when a token names a key that is not known: another instance may just have made it.
      keys: async () => {
        await ring
          .refresh()
          .catch((err: unknown) => logger.warn({ err }, 'the signing keys could not be read'));
        return ring.keySet();
      },
      revocations: feed.watch,
    },
    background: [ring.background, feed.background, sessionCleanup(database, logger)],
  };
}
