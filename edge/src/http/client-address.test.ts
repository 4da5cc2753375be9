import type { IncomingMessage } from 'node:http';
import { expect, test } from '@jest/globals';
import { clientAddress, parseProxy, trustedProxies } from './client-address.ts';

const trusted = trustedProxies(['10.0.0.0/8', '192.0.2.7', 'fd00::/8']);

test.each<[peer: string | undefined, forwarded: string | undefined, client: string, why: string]>([
  ['203.0.113.1', undefined, '203.0.113.1', 'who connects is the client'],
  ['203.0.113.1', '198.51.100.9', '203.0.113.1', 'a client may claim anything'],
  ['10.1.2.3', undefined, '10.1.2.3', 'a trusted proxy that names nobody asks for itself'],
  ['10.1.2.3', '198.51.100.9', '198.51.100.9', 'a trusted proxy names its client'],
  ['192.0.2.7', '198.51.100.9', '198.51.100.9', 'one address may be trusted too'],
  ['192.0.2.8', '198.51.100.9', '192.0.2.8', 'and its neighbour is not'],
  ['10.1.2.3', '1.1.1.1, 198.51.100.9', '198.51.100.9', 'what stands before the client is its invention'],
  ['10.1.2.3', '198.51.100.9, 10.9.9.9', '198.51.100.9', 'trusted proxies in a row'],
  ['10.1.2.3', '10.8.8.8, 10.9.9.9', '10.8.8.8', 'only trusted ones: the first of them'],
  ['10.1.2.3', 'unknown, 10.9.9.9', '10.9.9.9', 'an entry that is no address ends the reading'],
  ['10.1.2.3', '198.51.100.9:4711', '198.51.100.9', 'a port is no part of the address'],
  ['10.1.2.3', '[2001:db8::1]:4711', '2001:db8::1', 'also behind brackets'],
  ['10.1.2.3', '2001:db8::1', '2001:db8::1', 'IPv6 without brackets'],
  ['fd12::1', '198.51.100.9', '198.51.100.9', 'a trusted network of IPv6'],
  ['::ffff:10.1.2.3', '::ffff:198.51.100.9', '198.51.100.9', 'IPv4 mapped into IPv6'],
  ['10.1.2.3', '', '10.1.2.3', 'an empty header'],
  [undefined, '198.51.100.9', '', 'a connection without an address'],
])('from %s, forwarded for %s: %s (%s)', (peer, forwarded, client) => {
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
  const request = { socket: { remoteAddress: peer }, headers } as unknown as IncomingMessage;
  expect(clientAddress(request, trusted)).toBe(client);
});

test.each(['10.0.0.0/33', 'fd00::/129', '10.0.0', 'localhost', '10.0.0.0/8/8', '10.0.0.0/', '10.0.0.0/-1'])(
  '%s names no proxy',
  (item) => {
    expect(() => parseProxy(item)).toThrow(`has ${item}, which is neither an IP address nor a network`);
    expect(() => trustedProxies([item])).toThrow(item);
  },
);
