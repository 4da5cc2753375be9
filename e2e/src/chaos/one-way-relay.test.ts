import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '@weft/chassis/testing/eventually';
import { startOneWayRelay, type OneWayRelay } from './one-way-relay.ts';

let received = '';
let relay: OneWayRelay;
let client: Socket;
let answered = '';
const server = createServer((socket) =>
  socket.on('data', (bytes) => {
    received += String(bytes);
    socket.write(String(bytes).toUpperCase());
  }),
);

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  relay = await startOneWayRelay({ host: '127.0.0.1' }, { port: (server.address() as AddressInfo).port });
  client = connect(relay.port, '127.0.0.1');
  client.on('data', (bytes) => (answered += String(bytes)));
});
afterAll(() => {
  client.destroy();
  relay.close();
  server.close();
});

test('loses the answers alone, the requests alone, and nothing for good', async () => {
  client.write('a');
  await eventually(() => answered === 'A');
  relay.lose('answers');
  client.write('b');
  await eventually(() => received === 'ab');
  expect(answered).toBe('A');
  relay.heal();
  await eventually(() => answered === 'AB');
  relay.lose('requests');
  client.write('c');
  const other = connect(relay.port, '127.0.0.1');
  await once(other, 'connect');
  other.write('d');
  // Both are on their way, or would be: the relay has answered nothing when a third round trip is over.
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(received).toBe('ab');
  relay.heal();
  await eventually(() => received.length === 4);
  other.destroy();
});
