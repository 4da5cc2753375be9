import { lookup } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import type { Contract } from '../contract.ts';
import type { Logger } from '../logger.ts';
import { isAddress } from './instance-codec.ts';
import type { Instance, Resolver } from './registry.ts';

const lookupEveryMs = 5_000;

/** Addresses by the name of a gRPC service or of the workload that serves it. */
export type AddressList = ReadonlyMap<string, readonly string[]>;

/**
 * Reads `name=host:port|host:port;name=…`, given inline or in a file (there also one entry a line), where
 * a name is a gRPC service or a workload. Throws when it is neither a readable file nor such a list.
 */
export function parseAddressList(text: string): AddressList {
  const content = text.includes('=') ? text : readFileSync(text, 'utf8');
  const entries = content.split(/[;\n]/).filter((line) => line.trim() !== '');
  return new Map(
    entries.map((entry) => {
      const [name = '', list = ''] = entry.split('=').map((part) => part.trim());
      const addresses = list.split('|').map((address) => address.trim());
      if (name === '' || !addresses.every(isAddress))
        throw new Error(`${entry} is no name=host:port|host:port`);
      return [name, addresses];
    }),
  );
}

/** A resolver whose instances are listed in its configuration, and never change. */
export function staticResolver(list: AddressList, contract: Contract): Resolver {
  return {
    watch(service, listener) {
      listener(addressesOf(list, contract, service).map(instanceAt));
      return () => undefined;
    },
    status: () => ({ connected: true, detail: '' }),
    close: async () => undefined,
  };
}

/**
 * A resolver that looks names up in DNS every 5 s, one instance per address, as a headless service of
 * Kubernetes answers them. While DNS fails the last answer stays. `template` is `host:port`, in which
 * `{workload}` stands for the workload that serves the gRPC service.
 */
export function dnsResolver(template: string, contract: Contract, logger: Logger): Resolver {
  if (!isAddress(template.replaceAll('{workload}', 'x')))
    throw new Error('is no dns:host:port (with {workload} in the host)');
  const timers = new Set<NodeJS.Timeout>();
  let failure = '';
  return {
    watch(service, listener) {
      const address = template.replaceAll('{workload}', workloadOf(contract, service) ?? service);
      const [host, port] = [
        address.slice(0, address.lastIndexOf(':')),
        address.slice(address.lastIndexOf(':') + 1),
      ];
      let last = '';
      const look = async (): Promise<void> => {
        try {
          const found = (await lookup(host, { all: true })).map((one) =>
            one.family === 6 ? `[${one.address}]:${port}` : `${one.address}:${port}`,
          );
          failure = '';
          if (found.length === 0 || last === found.sort().join()) return;
          last = found.join();
          listener(found.map(instanceAt));
        } catch (error) {
          if (failure === '')
            logger.warn({ err: error, host }, 'DNS fails: the last known instances stay in use');
          failure = (error as Error).message;
        }
      };
      void look();
      const timer = setInterval(() => void look(), lookupEveryMs);
      timers.add(timer);
      return () => {
        clearInterval(timer);
        timers.delete(timer);
      };
    },
    status: () => ({ connected: failure === '', detail: failure }),
    close: async () => timers.forEach((timer) => clearInterval(timer)),
  };
}

function addressesOf(list: AddressList, contract: Contract, service: string): readonly string[] {
  return list.get(service) ?? list.get(workloadOf(contract, service) ?? '') ?? [];
}

function workloadOf(contract: Contract, service: string): string | undefined {
  for (const rule of contract.methods.values()) if (rule.service === service) return rule.servedBy;
  return undefined;
}

function instanceAt(address: string): Instance {
  return { id: address, address, zone: '', weight: 1, version: '', startedAt: '' };
}
