import { ServiceError } from '@weft/chassis/errors';
import type { Background } from '@weft/chassis/service';

const defaultPollMs = 500;
const defaultLimit = 1000;
/** Ids in one query. */
const chunk = 500;

export interface OrderFeedOptions {
  /** The versions of those orders that exist. */
  readonly versionsOf: (ids: readonly string[]) => Promise<ReadonlyMap<string, number>>;
  /** How often orders are looked up that another instance may have decided. Default: 500 ms. */
  readonly pollMs?: number;
  /** Most watchers at once; the next is RESOURCE_EXHAUSTED. Default: 1000. */
  readonly limit?: number;
}

/** Tells watchers of an order that it changed. */
export interface OrderFeed extends Background {
  /** This process changed the order. */
  changed(orderId: string): void;
  /** Close it when done. */
  watch(orderId: string): Watch;
}

export interface Watch {
  /**
   * Resolves when the order may have another version than `version`, or `signal` was aborted. Fails with
   * UNAVAILABLE when the service stops, and with what the database fails with.
   */
  change(version: number, signal: AbortSignal): Promise<void>;
  close(): void;
}

interface Watcher {
  readonly orderId: string;
  /** A change was told while nobody waited. */
  told: boolean;
  waiting: { readonly version: number; settle(error?: unknown): void } | undefined;
}

/**
 * Changes made here arrive at once; those of other instances by one query for all watched orders, which
 * runs only while somebody watches.
 */
export function createOrderFeed(options: OrderFeedOptions): OrderFeed {
  const { versionsOf, pollMs = defaultPollMs, limit = defaultLimit } = options;
  const watchers = new Set<Watcher>();
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const poll = async () => {
    const ids = [...new Set([...watchers].map((watcher) => watcher.orderId))];
    try {
      for (let at = 0; at < ids.length; at += chunk) {
        const versions = await versionsOf(ids.slice(at, at + chunk));
        for (const { orderId, waiting } of watchers) {
          const version = versions.get(orderId);
          if (waiting !== undefined && version !== undefined && version !== waiting.version) waiting.settle();
        }
      }
    } catch (error) {
      for (const { waiting } of watchers) waiting?.settle(error);
    }
    timer = watchers.size > 0 && !stopped ? setTimeout(() => void poll(), pollMs) : undefined;
  };

  return {
    start() {},
    stop() {
      stopped = true;
      clearTimeout(timer);
      for (const { waiting } of watchers) waiting?.settle(stopping());
      return Promise.resolve();
    },
    changed(orderId) {
      for (const watcher of watchers) {
        if (watcher.orderId !== orderId) continue;
        watcher.told = true;
        watcher.waiting?.settle();
      }
    },
    watch(orderId) {
      if (watchers.size >= limit)
        throw new ServiceError('RESOURCE_EXHAUSTED', 'TOO_MANY_WATCHERS', 'too many orders are watched');
      const watcher: Watcher = { orderId, told: false, waiting: undefined };
      watchers.add(watcher);
      timer ??= setTimeout(() => void poll(), pollMs);
      return {
        change: (version, signal) =>
          new Promise((resolve, reject) => {
            if (stopped) return reject(stopping());
            const settle = (error?: unknown) => {
              signal.removeEventListener('abort', leave);
              watcher.waiting = undefined;
              watcher.told = false;
              if (error === undefined) resolve();
              else reject(error);
            };
            const leave = () => settle();
            if (watcher.told || signal.aborted) return settle();
            signal.addEventListener('abort', leave, { once: true });
            watcher.waiting = { version, settle };
          }),
        close: () => void watchers.delete(watcher),
      };
    },
  };
}

function stopping(): ServiceError {
  return new ServiceError('UNAVAILABLE', 'STOPPING', 'this instance stops; watch again');
}
