import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Agent, request } from 'node:http';
import { startLibrary, type Library } from './testing/library.ts';

let library: Library;
const agent = new Agent({ keepAlive: true, maxSockets: 8 });
beforeAll(async () => {
  library = await startLibrary();
});
afterAll(async () => {
  agent.destroy();
  await library.stop();
});

/** Sends one request; answers its status and whether its body is JSON. */
function send(
  method: string,
  path: string,
  body?: string | Uint8Array,
  type = 'application/json',
): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers =
      body === undefined ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(body) };
    const sent = request(
      { port: library.port, host: '127.0.0.1', method, path, headers, agent },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => {
          if (response.headers['content-type'] === 'application/json' && text !== '') JSON.parse(text);
          resolve(response.statusCode ?? 0);
        });
        response.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Characters that node:http's own client agrees to send in a target. */
const targetText = fc.string({
  unit: fc.constantFrom(...'/:.%2Ff{}*?&=+abc\\~[]()@!$\'",;|^`<>#'.split('')),
  maxLength: 30,
});
const names = fc.constantFrom(
  'anInt32',
  'an_int64',
  'aDouble',
  'aBool',
  'color',
  'ints',
  'time',
  'duration',
  'mask',
  'inner.name',
  'inner.parent.any',
  'struct',
  'labels',
  'someBytes',
  'oneInt',
  'oneString',
  '__proto__',
  'constructor.prototype',
  'longWrapper',
);
const options = { numRuns: 400 };

test('any path gets an answer, never a 5xx', async () => {
  const paths = fc
    .tuple(fc.constantFrom('/', '/v1/', '/v1/books/', '/v1/files/', '/v1/shelves/'), targetText)
    .map((parts) => parts.join(''));
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('GET', 'HEAD', 'DELETE', 'OPTIONS', 'REPORT'),
      paths,
      async (method, path) => {
        expect(await send(method, path)).toBeLessThan(500);
      },
    ),
    options,
  );
});

test('any query gets an answer, never a 5xx', async () => {
  const value = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 8 }).map((text) => encodeURIComponent(text.toWellFormed())),
    targetText,
    fc.integer().map(String),
  );
  const query = fc.array(
    fc.tuple(names, value).map((pair) => pair.join('=')),
    { maxLength: 5 },
  );
  await fc.assert(
    fc.asyncProperty(query, async (pairs) => {
      expect(await send('GET', `/v1/echo?${pairs.join('&')}`)).toBeLessThan(500);
    }),
    options,
  );
});

test('any body gets an answer, never a 5xx', async () => {
  const object = fc.dictionary(names, fc.jsonValue({ maxDepth: 3 })).map((value) => JSON.stringify(value));
  const body = fc.oneof(object, fc.json(), fc.string(), fc.uint8Array({ maxLength: 40 }));
  await fc.assert(
    fc.asyncProperty(
      body,
      fc.constantFrom('/v1/echo', '/v1/echo:inner', '/v1/echo:strings', '/v1/echo/a/b'),
      async (content, path) => {
        expect(await send('POST', path, content)).toBeLessThan(500);
      },
    ),
    options,
  );
});
