import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** What of a connection is held up: what the client sends, or what the server answers. */
export type Direction = 'requests' | 'answers';

/** A TCP relay in front of a server, to lose one direction of its traffic with. */
export interface OneWayRelay {
  readonly port: number;
  /**
   * Nothing goes this way any more, on old connections and new ones; the other way stays open. As with
   * packets that are lost, nothing is skipped: what was held up arrives after `heal`, unless a side gave up.
   */
  lose(direction: Direction): void;
  heal(): void;
  close(): void;
}

export async function startOneWayRelay(
  listen: { readonly host: string; readonly port?: number },
  to: { readonly port: number },
): Promise<OneWayRelay> {
  const sockets = { requests: new Set<Socket>(), answers: new Set<Socket>() };
  let lost: Direction | undefined;
  const pass = (from: Socket, into: Socket, direction: Direction) => {
    sockets[direction].add(from);
    from.setNoDelay();
    from.on('data', (bytes) => {
      if (!into.write(bytes) && lost !== direction) from.pause();
    });
    into.on('drain', () => lost === direction || from.resume());
    from.on('end', () => into.end());
    // Either side may go at any time.
    from.on('error', () => into.destroy());
    from.on('close', () => {
      sockets[direction].delete(from);
      into.destroy();
    });
    if (lost === direction) from.pause();
  };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect({ port: to.port, host: '127.0.0.1', allowHalfOpen: true });
    pass(client, upstream, 'requests');
    pass(upstream, client, 'answers');
  });
  server.listen(listen.port ?? 0, listen.host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    lose(direction) {
      lost = direction;
      for (const socket of sockets[direction]) socket.pause();
    },
    heal() {
      const before = lost;
      lost = undefined;
      if (before !== undefined) for (const socket of sockets[before]) socket.resume();
    },
    close() {
      server.close();
      for (const socket of [...sockets.requests, ...sockets.answers]) socket.destroy();
    },
  };
}
