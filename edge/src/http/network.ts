/**
 * What of an IP address stands for one client: an IPv4 address itself; of an IPv6 address its /64, since a
 * client has all the addresses of its network (RFC 6177, RFC 8981).
 */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  // Groups that `::` leaves out are zero; only the first four count, and what follows it may be among them.
  if (tail !== undefined) {
    const rest = tail === '' ? [] : tail.split(':');
    // The last of them may be an IPv4 address, which takes the room of two.
    const length = rest.length + (rest.at(-1)?.includes('.') === true ? 1 : 0);
    while (groups.length + length < 8) groups.push('0');
    groups.push(...rest);
  }
  const network = groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${network.join(':')}::/64`;
}
