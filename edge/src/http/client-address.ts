import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

/**
 * Reads which proxies are trusted: IP addresses and networks (`10.0.0.0/8`, `fd00::/8`). Throws what is
 * wrong with one of them.
 */
export function trustedProxies(list: readonly string[]): BlockList {
  const trusted = new BlockList();
  for (const item of list) add(trusted, item);
  return trusted;
}

/** Checks one entry of TRUSTED_PROXIES. Throws what is wrong with it. */
export function parseProxy(item: string): string {
  add(new BlockList(), item);
  return item;
}

function add(list: BlockList, item: string): void {
  const [address = '', bits, ...rest] = item.split('/');
  const family = familyOf(address);
  const most = family === 'ipv6' ? 128 : 32;
  const valid = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most);
  if (family === undefined || !valid || rest.length > 0)
    throw new Error(`has ${item}, which is neither an IP address nor a network like 10.0.0.0/8`);
  if (bits === undefined) list.addAddress(address, family);
  else list.addSubnet(address, Number(bits), family);
}

/**
 * The IP address of the client that sent a request: that of the connection, unless a trusted proxy is at its
 * other end. Such a one has appended whom it was asked by to `X-Forwarded-For`, so the list is read from its
 * end up to the first address that is not trusted; what stands before it could be anybody's invention. An
 * entry that is no address ends the reading too.
 *
 * IPv4 addresses come as such, also where the socket has them mapped into IPv6. '' where the connection has
 * no address (a Unix socket, or one that is gone).
 */
export function clientAddress({ socket, headers }: IncomingMessage, trusted: BlockList): string {
  let address = plain(socket.remoteAddress ?? '');
  const forwarded = headers['x-forwarded-for'];
  if (forwarded === undefined || !isTrusted(trusted, address)) return address;
  // node:http joins several headers of this name with a comma, in their order.
  const hops = String(forwarded).split(',');
  while (isTrusted(trusted, address)) {
    const hop = hops.pop();
    const next = hop === undefined ? '' : withoutPort(hop.trim());
    if (next === '') break;
    address = next;
  }
  return address;
}

function isTrusted(trusted: BlockList, address: string): boolean {
  const family = familyOf(address);
  return family !== undefined && trusted.check(address, family);
}

/** The address in `1.2.3.4`, `1.2.3.4:80`, `::1` or `[::1]:80`; '' where there is none. */
function withoutPort(hop: string): string {
  const [, inBrackets, v4] = /^\[([^\]]*)\](?::\d+)?$|^([\d.]+):\d+$/.exec(hop) ?? [];
  const address = inBrackets ?? v4 ?? hop;
  return isIP(address) === 0 ? '' : plain(address);
}

/** An IPv4 address that is mapped into IPv6 (RFC 4291, 2.5.5.2), as such. */
function plain(address: string): string {
  const v4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  return v4 !== undefined && isIP(v4) === 4 ? v4 : address;
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  switch (isIP(address)) {
    case 4:
      return 'ipv4';
    case 6:
      return 'ipv6';
    default:
      return undefined;
  }
}
