import { afterAll, expect, test } from '@jest/globals';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Mesh } from '../client/mesh.ts';
import { createLogger } from '../logger.ts';
import { tokenKeys } from './token-keys.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const noMesh = {} as Mesh;
const servers: Server[] = [];
afterAll(() => servers.forEach((server) => server.close().closeAllConnections()));

/** A source of keys that answers so. */
async function source(answer: RequestListener): Promise<() => Promise<unknown>> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return tokenKeys(`http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`, noMesh, logger);
}

test('keys come from a URL', async () => {
  const fetchKeys = await source((_, response) => response.end('{"keys":[{"kid":"a"}],"more":1}'));
  expect(await fetchKeys()).toEqual({ keys: [{ kid: 'a' }] });
});

test.each<[string, RequestListener, RegExp]>([
  [
    'a redirect',
    (request, response) =>
      request.url === '/keys'
        ? response.writeHead(302, { location: '/elsewhere' }).end()
        : response.end('{"keys":[]}'),
    /fetch failed/,
  ],
  ['a failure', (_, response) => response.writeHead(500).end('{"keys":[]}'), /answered 500/],
  ['what is no JSON', (_, response) => response.end('<html>'), /JSON/],
  ['what is no set of keys', (_, response) => response.end('{"keys":{}}'), /no JWK Set/],
  ['an endless answer', (_, response) => endless(response), /more than 262144 bytes/],
])('%s is refused', async (_, answer, message) => {
  await expect((await source(answer))()).rejects.toThrow(message);
});

test('an answer that does not come is given up', async () => {
  await expect((await source(() => undefined))()).rejects.toThrow(/timeout/);
});

test.each(['http://keys.test/jwks', 'http://127.0.0.1.evil.test/', 'file:///etc/keys', 'https://'])(
  '%s can never be a source of keys',
  (url) => {
    expect(() => tokenKeys(url, noMesh, logger)).toThrow('is neither an https URL nor a method');
  },
);

function endless(response: Parameters<RequestListener>[1]): void {
  const more = (): void => {
    while (response.write(Buffer.alloc(16_384, ' ')));
    response.once('drain', more);
  };
  more();
}
