import { readdirSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { defaultLimits } from '../limits.ts';
import { buildRoutes } from '../routing/routes.ts';
import { buildSchema } from '../schema.ts';
import { startExplorer } from '../testing/explorer.ts';
import { send } from '../testing/http.ts';
import { contractOf } from '../testing/schema.ts';
import { createPages } from './pages.ts';

const contract = contractOf(
  'rpc A(Request) returns (Request) { option (google.api.http) = {get: "/a"}; option (weft.v1.access) = {public: true}; }',
);
const pages = createPages(contract, buildRoutes(contract));
const folder = new URL('../../pages/', import.meta.url);
const served = readdirSync(folder).filter((name) => !name.startsWith('tsconfig') && name !== 'docs.html');

test.each([
  ['/docs', 'text/html; charset=utf-8'],
  ...served.map((name) => [
    `/docs/${name}`,
    { js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' }[name.split('.')[1] ?? ''] +
      '; charset=utf-8',
  ]),
  ['/openapi.json', 'application/json'],
])('%s is served as %s', (path, contentType) => {
  const page = pages(path);
  expect(page).toMatchObject({ status: 200, contentType });
  expect(page?.body.length).toBeGreaterThan(100);
  expect(page?.etag).toMatch(/^"[\w-]{22}"$/);
  expect(page?.headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-cache' });
});

test('a client that has a page is told that it has', async () => {
  const explorer = await startExplorer(contract, (_, response) => response.writeHead(404).end());
  const { url } = explorer;
  try {
    const { etag } = (await send(url, 'GET', '/openapi.json')).headers;
    const ask = async (tag: string, method = 'GET') => {
      const headers = tag === '' ? {} : { 'if-none-match': tag };
      const { status, text } = await send(url, method, '/openapi.json', { headers });
      return [status, text.length > 0];
    };
    expect(await ask('')).toEqual([200, true]);
    expect(await ask('"other"')).toEqual([200, true]);
    expect(await ask(`"other", W/${String(etag)}`)).toEqual([304, false]);
    expect(await ask('*')).toEqual([304, false]);
    expect(await ask('', 'HEAD')).toEqual([200, false]);
    expect((await send(url, 'GET', '/docs/')).headers['location']).toBe('../docs');
  } finally {
    explorer.stop();
  }
});

test('a route of the contract is no page, and pages can be switched off', () => {
  const own = contractOf(
    'rpc A(Request) returns (Request) { option (google.api.http) = {get: "/docs"}; option (weft.v1.access) = {public: true}; }',
  );
  const pagesOf = (on: boolean) =>
    buildSchema(own, { pages: on, emitDefaults: true, limits: defaultLimits, knowsUsers: true }).pages;
  const asked = ['/docs', '/openapi.json'];
  expect(asked.map((path) => pagesOf(true)(path)?.status)).toEqual([undefined, 200]);
  expect(asked.map((path) => pagesOf(false)(path)?.status)).toEqual([undefined, undefined]);
});

test('a page is made once', () => {
  expect(pages('/openapi.json')).toBe(pages('/openapi.json'));
  expect(pages('/docs')).toBe(pages('/docs'));
});

test('the tag of a document follows its content', () => {
  const tagOf = (path: string) => {
    const other = contractOf(
      `rpc A(Request) returns (Request) { option (google.api.http) = {get: "${path}"}; option (weft.v1.access) = {public: true}; }`,
    );
    return createPages(other, buildRoutes(other))('/openapi.json')?.etag;
  };
  expect(tagOf('/a')).toBe(pages('/openapi.json')?.etag);
  expect(tagOf('/b')).not.toBe(tagOf('/a'));
});

test('/docs/ leads to /docs, below any prefix', () => {
  expect(pages('/docs/')).toMatchObject({ status: 308, headers: { location: '../docs' } });
});

test.each([
  '/',
  '/doc',
  '/docs/docs.html',
  '/docs/tsconfig.json',
  '/docs/../package.json',
  '/docs/%2e%2e/package.json',
  '/docs//main.js',
  '/docs/__proto__',
  '/docs/constructor',
  '/openapi.json/',
])('%s is no page', (path) => {
  expect(pages(path)).toBeUndefined();
});

test('the explorer may load and call its own origin alone, and run nothing inline', () => {
  const policy = pages('/docs')?.headers['content-security-policy'];
  expect(policy?.split('; ')).toEqual(
    expect.arrayContaining(["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"]),
  );
  expect(policy).not.toContain('unsafe');
  const html = pages('/docs')?.body.toString() ?? '';
  expect(html).not.toMatch(/<script(?![^>]*src=)|<style|style=|onclick|https?:/);
});

test('the explorer is less than 60 KB in all', () => {
  const sizes = ['/docs', ...served.map((name) => `/docs/${name}`)].map(
    (path) => pages(path)?.body.length ?? 0,
  );
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(60_000);
});
