import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { assertFree, portsFromEnvironment } from './ports.ts';

test('a taken port is named together with the variable that moves it', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await expect(assertFree({ EDGE_PORT: port })).rejects.toThrow(
    `port ${port} is taken: end what holds it, or choose another with EDGE_PORT=…`,
  );
  server.close();
  await once(server, 'close');
  await expect(assertFree({ EDGE_PORT: port })).resolves.toBeUndefined();
});

test('ports come from the environment, and a wrong one is named', () => {
  expect(portsFromEnvironment({ EDGE_PORT: '8081' })).toMatchObject({ EDGE_PORT: 8081, CATALOG_PORT: 50051 });
  expect(() => portsFromEnvironment({ EDGE_PORT: 'http', ETCD_PORT: '70000' })).toThrow(
    /EDGE_PORT.*\n.*ETCD_PORT/,
  );
});
