import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Contract } from '../contract.ts';
import type { Logger } from '../logger.ts';
import { jitteredMs } from './backoff.ts';
import { addressesOf, instanceAt, parseAddressList, type AddressList } from './listed.ts';
import { Listeners } from './listeners.ts';
import type { Instance, Resolver } from './registry.ts';

/**
 * A resolver whose instances are listed in a file, which is read again every `everyMs` (default 1,000): by
 * its content, so that a mounted ConfigMap is followed too. A file that is gone or broken changes nothing.
 * Throws when it cannot be read at first.
 */
export function followedList(file: string, contract: Contract, logger: Logger, everyMs = 1_000): Resolver {
  const listeners = new Map<string, Listeners<readonly Instance[]>>();
  const stop = new AbortController();
  let text = readFileSync(file, 'utf8');
  let list = parseAddressList(text);
  let fault = '';
  const of = (service: string) => addressesOf(list, contract, service).map(instanceAt);

  const use = (next: AddressList): void => {
    const before = new Map([...listeners.keys()].map((service) => [service, ids(of(service))]));
    list = next;
    for (const [service, all] of listeners)
      if (ids(of(service)) !== before.get(service)) all.tell(of(service));
  };
  const run = async (): Promise<void> => {
    const { signal } = stop;
    for (;;) {
      await delay(jitteredMs(everyMs), undefined, { signal, ref: false }).catch(closed);
      if (signal.aborted) return;
      try {
        const now = await readFile(file, 'utf8');
        if (now !== text) use(parseAddressList(now));
        text = now;
        if (fault !== '') logger.info({ file }, 'the list of instances can be used again');
        fault = '';
      } catch (error) {
        const { message } = error as Error;
        if (fault !== message) logger.warn({ err: error, file }, 'the last known instances stay in use');
        fault = message;
      }
    }
  };
  void run();
  return {
    watch(service, listener) {
      if (stop.signal.aborted) return () => undefined;
      const all = listeners.get(service) ?? new Listeners(logger);
      listeners.set(service, all);
      return all.add(listener, of(service));
    },
    status: () => ({ connected: fault === '', detail: fault }),
    async close() {
      stop.abort();
      for (const all of listeners.values()) all.clear();
    },
  };
}

const ids = (instances: readonly Instance[]): string => instances.map(({ id }) => id).join();
/** A pause that `close` ended early: the loop sees that for itself. */
const closed = () => undefined;
