import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { buildRoutes } from '../routing/routes.ts';
import { startBrowser } from '../testing/chromium.ts';
import { openPage, startExplorer } from '../testing/explorer.ts';
import { startLibrary, type Library } from '../testing/library.ts';
import { contractOf } from '../testing/schema.ts';

const run = promisify(execFile);

let library: Library;
let browser: Browser;
let url: string;
let page: Page;
/** What the page must never do, of whichever test. */
const complaints: string[] = [];

beforeAll(async () => {
  [library, browser] = await Promise.all([startLibrary(), startBrowser()]);
  ({ url } = library);
  page = await openPage(browser, `${url}/docs`, complaints);
});

afterAll(async () => {
  await browser?.close();
  await library?.stop();
  expect(complaints).toEqual([]);
});

/** Opens an operation of the library. */
async function open(id: string): Promise<void> {
  await page.goto(`${url}/docs#/${id}`);
  await page.locator(`nav a[aria-current][href="#/${id}"]`).waitFor();
}

async function send(): Promise<string> {
  await page.getByRole('button', { name: 'Send' }).click();
  await page.locator('.answer:not([aria-busy]) .status').waitFor();
  return page.locator('.answer .status').innerText();
}

const answer = () => page.getByRole('region', { name: 'Body of the answer' }).innerText();
const command = (name: string) => page.getByRole('region', { name: `As ${name}`, exact: true }).innerText();

test('the page lists every operation, and the search narrows the list', async () => {
  const links = page.locator('nav li:visible');
  await links.first().waitFor();
  expect(await links.count()).toBe(buildRoutes(library.edge.schema.contract).list.length);
  await page.getByRole('searchbox').fill('update PATCH');
  expect(await links.allInnerTexts()).toEqual([expect.stringContaining('/v1/books/{id}')]);
  expect(await page.locator('#count').innerText()).toBe('1 operation');
  await page.getByRole('searchbox').fill('');
});

test('a GET is sent, and its answer shown', async () => {
  await open('Library_GetBook');
  await page.getByLabel('shelvesId').fill('1 é');
  await page.getByLabel('booksId').fill('a/b');
  expect(await send()).toBe('200 OK');
  expect(JSON.parse(await answer())).toEqual({ title: 'shelves/1 é/books/a%2Fb' });
  expect(await command('grpcurl')).toContain(`-d '{"name":"shelves/1 é/books/a%2Fb"}'`);
});

test('a POST with a body and a token is sent; both commands say the same call', async () => {
  await open('Library_CreateBook');
  expect(await send()).toBe('401 Unauthorized');
  await page.getByLabel('Bearer token').fill('user');
  await page.getByLabel('Idempotency-Key').fill('key-1');
  await page
    .getByRole('textbox', { name: 'Body' })
    .fill(`{"id": "7", "title": "It's $HOME \\"quoted\\" \`id\`", "pages": 9007199254740993}`);
  expect(await send()).toBe('200 OK');
  const shown = JSON.parse(await answer()) as object;
  expect(shown).toEqual({
    id: '7',
    title: 'It\'s $HOME "quoted" `id`',
    pages: '9007199254740993',
    labels: { requestId: 'key-1' },
  });
  await page.getByRole('button', { name: 'Copy as curl' }).click();
  await page.getByRole('button', { name: 'Copied' }).waitFor();
  const copied = await page.evaluate('navigator.clipboard.readText()');
  expect(copied).toBe(await command('curl'));
  const { stdout } = await run('/bin/sh', ['-c', `${String(copied)} --silent`]);
  expect(JSON.parse(stdout)).toEqual(shown);
  const { host } = new URL(url);
  expect(await command('grpcurl')).toBe(
    [
      'grpcurl -plaintext',
      `-H 'authorization: Bearer user'`,
      `-d '{"book":{"id":"7","title":"It'\\''s $HOME \\"quoted\\" \`id\`","pages":9007199254740993},"requestId":"key-1"}'`,
      `${host} acme.v1.Library/CreateBook`,
    ].join(' \\\n  '),
  );
  await page.getByLabel('Bearer token').fill('');
});

test('the token is kept nowhere', async () => {
  await page.getByLabel('Bearer token').fill('secret');
  const kept = await page.evaluate('JSON.stringify([localStorage, sessionStorage, document.cookie])');
  expect(kept).toBe('[{},{},""]');
  await page.reload();
  expect(await page.getByLabel('Bearer token').inputValue()).toBe('');
});

test.each([
  [
    'Library_UpdateBook',
    { Body: '{"author": {"fullName": "A"}, "tags": ["x"]}', id: '4 2' },
    { book: { author: { fullName: 'A' }, tags: ['x'], id: '4 2' }, updateMask: 'author.fullName,tags' },
  ],
  ['Library_GetFile', { path: 'a/b c' }, { path: 'a/b c' }],
  [
    'Library_ListBooks',
    { pageSize: '5', 'filter.author.fullName': "O'Neil", 'filter.tags': 'a\nb' },
    { pageSize: 5, filter: { author: { fullName: "O'Neil" }, tags: ['a', 'b'] } },
  ],
  [
    'Library_Echo3',
    { 'inner.name': 'n', aString: 's', Body: '{"inner": {"left": "l"}, "__proto__": "p"}' },
    JSON.parse('{"inner": {"left": "l", "name": "n"}, "__proto__": "p", "aString": "s"}'),
  ],
  [
    'Library_PutFile',
    { path: 'f', 'or its text': 'hé' },
    { path: 'f', file: { contentType: 'text/plain', data: 'aMOp' } },
  ],
])('grpcurl of %s has the message that the edge makes', async (id, fields, message) => {
  await open(id);
  for (const [label, text] of Object.entries(fields))
    await page.getByLabel(label, { exact: false }).first().fill(text);
  const data = /-d '(.*)'/s.exec(await command('grpcurl'))?.[1]?.replaceAll(`'\\''`, `'`) ?? '';
  expect(JSON.parse(data)).toEqual(message);
});

test('what the edge makes of a query is what grpcurl would send', async () => {
  await open('Library_Echo2');
  const fields = {
    aDouble: '-1.5',
    aFloat: 'NaN',
    anInt64: '9007199254740993',
    aString: 'a&b=c #?+%20',
    someBytes: '+/8=',
    ints: '1\n2',
    colors: 'RED\nBLUE',
    'inner.numberOfThings': '3',
    maybeString: 'x',
    times: '2030-01-31T08:30:00Z',
    duration: '2s',
    mask: 'aDouble,inner.name',
    longWrapper: '7',
    '@other-name': 'other',
    ['__proto__']: 'proto',
  };
  for (const [label, text] of Object.entries(fields))
    await page.getByRole('textbox', { name: new RegExp(`^${label} `) }).fill(text);
  await page.getByRole('combobox', { name: /^aBool / }).selectOption('true');
  await page.getByRole('combobox', { name: /^color / }).selectOption('RED');
  expect(await send()).toBe('200 OK');
  const data = /-d '(.*)'/s.exec(await command('grpcurl'))?.[1] ?? '';
  expect(JSON.parse(data)).toEqual(JSON.parse(await answer()));
});

test('a stream shows its messages one by one, as lines and as events, and can be stopped', async () => {
  await open('Library_WatchBooks');
  const messages = page.getByRole('list', { name: 'Messages' }).getByRole('listitem');
  for (const format of ['application/x-ndjson', 'text/event-stream']) {
    await page.getByLabel('count').fill('2');
    // After two messages nothing comes, and the stream stays open.
    await page.getByLabel('failCode').fill('99');
    await page.getByLabel('Accept').selectOption(format);
    await page.getByRole('button', { name: 'Send' }).click();
    await messages.nth(1).waitFor();
    expect(await messages.locator('code').allInnerTexts()).toEqual([
      '{"id":"0","title":"t"}',
      '{"id":"1","title":"t"}',
    ]);
    const cancelled = library.nextCancel();
    await page.getByRole('button', { name: 'Stop' }).click();
    await cancelled;
    await page.getByText('Stopped.').waitFor();
    expect(await page.getByRole('button', { name: 'Stop' }).isDisabled()).toBe(true);
  }
  await page.getByLabel('failCode').fill('9');
  expect(await send()).toBe('200 OK');
  expect(await page.locator('.messages .failed').innerText()).toContain('FAILED_PRECONDITION');
});

test('what a browser would change is not sent, and curl is told not to', async () => {
  await open('Library_GetFile');
  await page.getByLabel('path').fill('a/../b');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByText('a browser takes the segments').waitFor();
  const { stdout } = await run('/bin/sh', ['-c', `${await command('curl')} --silent`]);
  expect(stdout).toBe('a/../b');
});

test('text is shown as it is; what is neither text nor JSON is saved, and not shown', async () => {
  await open('Library_GetFile');
  await page.getByLabel('path').fill('<b>hello');
  expect(await send()).toBe('200 OK');
  expect(await answer()).toBe('<b>hello');
  const body = Buffer.from([0x89, 0x50, 0, 255]);
  await page.route('**/v1/files/picture', (route) => route.fulfill({ contentType: 'image/png', body }));
  await page.getByLabel('path').fill('picture');
  expect(await send()).toBe('200 OK');
  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Save image/png' }).click();
  const chunks: Buffer[] = [];
  for await (const chunk of await (await download).createReadStream()) chunks.push(chunk as Buffer);
  expect(Buffer.concat(chunks)).toEqual(body);
});

test('a missing parameter is named, and nothing is sent', async () => {
  await open('Library_GetBook2');
  await page.getByLabel('id').first().fill('');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByText('id is required').waitFor();
  expect(await page.getByLabel('id').first().getAttribute('aria-invalid')).toBe('true');
  expect(await page.locator('.answer').innerText()).toBe('');
});

test('a call by keyboard alone', async () => {
  await page.goto(`${url}/docs`);
  await page.locator('nav a').first().waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('books/{id} get');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'GetBook' }).waitFor();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Control+A');
  await page.keyboard.type('77');
  await page.keyboard.press('Control+Enter');
  await page.locator('.answer:not([aria-busy]) .status').waitFor();
  expect(JSON.parse(await answer())).toMatchObject({ id: '77' });
});

test('names and comments are inert, and the page works below a prefix', async () => {
  const hostile = contractOf(
    `
     // <script>alert(1)</script> <img src=x onerror=alert(2)> \\\`</code>\\\` "q" 'q'
     rpc Evil(Hostile) returns (Hostile) { option (google.api.http) = {post: "/v1/__proto__/{__proto__}:constructor" body: "*"}; option (weft.v1.access) = {public: true}; }`,
    `// </script><script>alert(3)</script>
     message Hostile {
       string __proto__ = 1 [json_name = "__proto__"];
       string constructor = 2;
       string quote = 3 [json_name = "<b>it's \\"quoted\\"</b>"];
     }`,
  );
  const calls: string[] = [];
  const other = await startExplorer(
    hostile,
    (request, response) => {
      calls.push(`${request.method} ${request.url}`);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"__proto__": "<i>"}');
    },
    '/some/prefix',
  );
  try {
    const opened = await openPage(browser, `${other.url}/docs/`, complaints);
    await opened.getByRole('link', { name: 'Evil' }).click();
    const text = await opened.locator('main').innerText();
    expect(text).toContain('<script>alert(1)</script> <img src=x onerror=alert(2)>');
    expect(text).toContain(`<b>it's "quoted"</b>`);
    expect(await opened.locator('main :is(script, img, b, i)').count()).toBe(0);
    await opened.getByLabel('__proto__').fill('</x>');
    await opened.getByRole('button', { name: 'Send' }).click();
    await opened.getByRole('region', { name: 'Body of the answer' }).getByText('<i>').waitFor();
    expect(calls).toEqual(['POST /v1/__proto__/%3C%2Fx%3E:constructor']);
    const grpcurl = await opened.getByRole('region', { name: 'As grpcurl' }).innerText();
    expect(grpcurl).toContain('"__proto__":"</x>"');
    expect(await opened.evaluate('Object.keys(Object.prototype).length')).toBe(0);
  } finally {
    other.stop();
  }
});
