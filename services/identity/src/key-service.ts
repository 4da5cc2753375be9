import type { Handlers } from '@weft/chassis/server/implement';
import type { KeyServiceService } from '@weft/proto/shop/identity/v1/session';
import type { KeyRing } from './key-ring.ts';
import type { RevocationFeed } from './revocation-feed.ts';

/** The handlers of shop.identity.v1.KeyService. */
export function keyService(ring: KeyRing, feed: RevocationFeed): Handlers<KeyServiceService> {
  return {
    getKeySet: async () => ({
      // RFC 7517, section 8.5.2.
      contentType: 'application/jwk-set+json',
      data: Buffer.from(JSON.stringify(ring.keySet())),
      extensions: [],
    }),
    watchRevocations: (request, { signal }) => feed.watch(request, signal),
  };
}
