import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { ServiceError } from '../errors.ts';

/** Keys that verify tokens, fetched when they are needed and again from time to time. */
export interface SigningKeys {
  /**
   * Chooses the key that a token names. An unknown key id causes a fetch, at most one per cooldown however
   * many tokens ask for it. Throws a ServiceError, UNAVAILABLE (KEYS_UNAVAILABLE), while there are none yet.
   */
  readonly choose: JWTVerifyGetKey;
  /** Fetches them again, in the background, once they are old. To be called often; it costs nothing. */
  refresh(): void;
  /** Fetches them unless they are known, whatever the cooldown says. Rejects where that fails. */
  prepare(): Promise<void>;
}

export interface SigningKeysOptions {
  readonly fetch: () => Promise<JSONWebKeySet>;
  /** The shortest time between two fetches that unknown key ids or a source that is away cause, milliseconds. */
  readonly cooldownMs: number;
  /** Keys are fetched again this often, milliseconds. */
  readonly maxAgeMs: number;
  /** Told the ids of keys that are no longer in the set, or are others now. */
  readonly onRemoved: (gone: ReadonlySet<string | undefined>) => void;
}

/** While the source is away the last known keys stay in use: whoever fetches them logs why. */
export function createSigningKeys(options: SigningKeysOptions): SigningKeys {
  const { cooldownMs, maxAgeMs } = options;
  let choose: ReturnType<typeof createLocalJWKSet> | undefined;
  let known: JSONWebKeySet = { keys: [] };
  let fetchedAt = -Infinity;
  let triedAt = -Infinity;
  let fetching: Promise<void> | undefined;

  const fetchNow = (): Promise<void> => {
    triedAt = Date.now();
    fetching ??= options
      .fetch()
      .then((keys) => {
        choose = createLocalJWKSet(keys);
        fetchedAt = Date.now();
        const gone = goneIds(known, keys);
        if (gone.size > 0) options.onRemoved(gone);
        known = keys;
      })
      .finally(() => {
        fetching = undefined;
      });
    return fetching;
  };
  const resting = (atMost: number): boolean =>
    fetching === undefined && Date.now() - triedAt < Math.min(cooldownMs, atMost);

  function refresh(): void {
    if (choose === undefined || fetching !== undefined || Date.now() - fetchedAt <= maxAgeMs) return;
    if (!resting(cooldownMs)) fetchNow().catch(keepKnown);
  }

  return {
    refresh,
    async prepare() {
      if (choose === undefined) await fetchNow();
    },
    async choose(header, token) {
      if (choose === undefined) {
        // A source that is away is not asked once for each token that comes.
        if (resting(1_000)) throw unavailable(undefined);
        await fetchNow().catch((error: unknown) => Promise.reject(unavailable(error)));
      } else refresh();
      if (choose === undefined) throw unavailable(undefined);
      try {
        return await choose(header, token);
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey) || resting(cooldownMs)) throw error;
        await fetchNow().catch(keepKnown);
        return choose(header, token);
      }
    },
  };
}

function goneIds(before: JSONWebKeySet, after: JSONWebKeySet): ReadonlySet<string | undefined> {
  const texts = new Set(after.keys.map((key) => JSON.stringify(key)));
  return new Set(before.keys.filter((key) => !texts.has(JSON.stringify(key))).map(({ kid }) => kid));
}

const keepKnown = () => undefined;

function unavailable(cause: unknown): ServiceError {
  const message = 'the keys that verify access tokens cannot be fetched';
  return new ServiceError('UNAVAILABLE', 'KEYS_UNAVAILABLE', message, { cause });
}
