import type { Contract } from '../contract.ts';
import { isAddress } from './instance-codec.ts';
import type { Instance, Resolver } from './registry.ts';

/** Addresses by the name of a gRPC service or of the workload that serves it. */
export type AddressList = ReadonlyMap<string, readonly string[]>;

/**
 * Reads `name=host:port|host:port;name=…`, or one entry a line, where a name is a gRPC service or a workload.
 * Throws when it is no such list, names nothing, or names something twice.
 */
export function parseAddressList(text: string): AddressList {
  const entries = text.split(/[;\n]/).filter((line) => line.trim() !== '');
  const lists = new Map<string, readonly string[]>();
  for (const entry of entries) {
    const [name = '', list = ''] = entry.split('=').map((part) => part.trim());
    const addresses = list.split('|').map((address) => address.trim());
    if (name === '' || !addresses.every(isAddress))
      throw new Error(`${entry} is no name=host:port|host:port`);
    if (lists.has(name)) throw new Error(`${name} is listed twice`);
    lists.set(name, [...new Set(addresses)]);
  }
  if (lists.size === 0) throw new Error('lists nothing');
  return lists;
}

/** A resolver whose instances are listed in its configuration, and never change. A service that is not listed has none. */
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

/** The addresses of a service: its own, else those of its workload; none where the list has neither. */
export function addressesOf(list: AddressList, contract: Contract, service: string): readonly string[] {
  return list.get(service) ?? list.get(workloadOf(contract, service) ?? '') ?? [];
}

/** The workload that serves a gRPC service, as far as the contract says. */
export function workloadOf(contract: Contract, service: string): string | undefined {
  for (const rule of contract.methods.values()) if (rule.service === service) return rule.servedBy;
  return undefined;
}

/** An instance of which no more than its address is known. */
export function instanceAt(address: string): Instance {
  return { id: address, address, zone: '', weight: 1, version: '', startedAt: '' };
}
