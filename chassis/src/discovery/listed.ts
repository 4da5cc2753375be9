import { readFileSync } from 'node:fs';
import type { Contract } from '../contract.ts';
import { isAddress } from './instance-codec.ts';
import type { Instance, Resolver } from './registry.ts';

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

function addressesOf(list: AddressList, contract: Contract, service: string): readonly string[] {
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
