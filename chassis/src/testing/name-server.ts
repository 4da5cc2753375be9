import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

/** What a name server answers from now on. */
export interface Zone {
  /** Names with their IPv4 addresses. */
  names: Record<string, readonly string[]>;
  /** It answers SERVFAIL. */
  down?: boolean;
  /** It answers what no client can read. */
  broken?: boolean;
}

export interface NameServer {
  /** `127.0.0.1:port` */
  readonly address: string;
  close(): Promise<void>;
}

/** A name server (RFC 1035) over UDP on loopback. */
export async function startNameServer(zone: Zone): Promise<NameServer> {
  const socket: Socket = createSocket('udp4');
  socket.on('message', (query, { port, address }) => socket.send(answerTo(query, zone), port, address));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    address: `127.0.0.1:${(socket.address() as AddressInfo).port}`,
    close: () => new Promise<void>((resolve) => socket.close(() => resolve())),
  };
}

function answerTo(query: Buffer, { names, down = false, broken = false }: Zone): Buffer {
  const labels: string[] = [];
  let at = 12;
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString('ascii', at + 1, at + 1 + length));
    at += length + 1;
  }
  const isA = query.readUInt16BE(at + 1) === 1;
  const known = names[labels.join('.')];
  const found = isA && !down ? (known ?? []) : [];
  const [ok, serverFailure, noSuchName] = [0, 2, 3];
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(0x8180 | (down ? serverFailure : known === undefined ? noSuchName : ok), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(found.length, 6);
  const records = found.map((ip) =>
    // The name by reference, type A, class IN, 1 s, 4 bytes.
    Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, ...ip.split('.').map(Number)]),
  );
  // Says that there are records, and has none.
  if (broken) header.writeUInt16BE(9, 6);
  return Buffer.concat([header, query.subarray(12, at + 5), ...records]);
}
