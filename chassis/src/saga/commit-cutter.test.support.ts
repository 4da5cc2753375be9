import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A way to a database that breaks at the first COMMIT: before the server has it, or before its answer comes. */
export interface CommitCutter {
  /** The database's URL, through here. */
  readonly url: string;
  readonly hasCut: boolean;
  close(): void;
}

export async function cutCommit(databaseUrl: string, when: 'before' | 'after'): Promise<CommitCutter> {
  const url = new URL(databaseUrl);
  const target = { host: url.hostname, port: Number(url.port || 3306) };
  const sockets = new Set<Socket>();
  let hasCut = false;
  const server = createServer((client) => {
    const database = connect(target);
    for (const [one, other] of [
      [client, database],
      [database, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
    }
    database.on('data', (bytes) => client.write(bytes));
    database.on('close', () => client.destroy());
    client.on('close', () => hasCut || database.destroy());
    client.on('data', (bytes) => {
      if (hasCut || !bytes.includes('COMMIT')) return void database.write(bytes);
      hasCut = true;
      // What the server has it carries out, whether anybody still listens or not.
      if (when === 'after') database.write(bytes);
      else database.destroy();
      client.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    get hasCut() {
      return hasCut;
    },
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
