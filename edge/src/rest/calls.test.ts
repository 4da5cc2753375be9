import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { json, send } from '../testing/http.ts';
import { startLibrary, type Library } from '../testing/library.ts';

let library: Library;
beforeAll(async () => {
  library = await startLibrary();
});
afterAll(() => library.stop());

type Sent = Parameters<typeof send>[3];
const call = (method: string, path: string, options?: Sent) => send(library.url, method, path, options);

test('a path of several bindings calls one method, each with what it captured', async () => {
  const by = async (method: string, path: string) => (await call(method, path)).json;
  expect(await by('GET', '/v1/shelves/1/books/a%2Fb%20c')).toEqual({ title: 'shelves/1/books/a%2Fb c' });
  expect(await by('GET', '/v1/books/a%2Fb')).toEqual({ id: 'a/b' });
  expect(await by('REPORT', '/v1/books/x')).toEqual({ id: 'x' });
  expect(await by('GET', '/v1/books:titles')).toEqual(['a', 'b']);
});

test('google.api.HttpBody is the body itself, down and up', async () => {
  const down = await call('GET', '/v1/files/a%2Fb/%C3%A9//x');
  expect([down.text, down.headers['content-type']]).toEqual(['a%2Fb/é//x', 'text/plain']);
  const up = (type: string) =>
    call('PUT', '/v1/files/f', { body: Buffer.from([0, 255]), headers: { 'content-type': type } });
  for (const type of ['image/x', 'application/x-www-form-urlencoded'])
    expect((await up(type)).json).toEqual({ path: `f ${type} AP8=` });
  const none = await call('PUT', '/v1/files/f', { body: 'a' });
  expect(none.json).toEqual({ path: 'f  YQ==' });
});

test('a PATCH leaves out of its mask what is no update: AIP-154 etags, AIP-203 output only fields', async () => {
  const patch = (body: unknown) =>
    call('PATCH', '/v1/books/7', json(body, { authorization: 'Bearer librarian' }));
  const book = { title: 't', etag: 'e', publishTime: null, price: { units: '5' }, sold: 3, id: '9' };
  const { json: answer } = await patch(book);
  // A Money is one value.
  expect([answer.labels.mask, answer.id]).toEqual(['title,publishTime,price', '7']);
});

test('a wrong value in a body is named from the request on', async () => {
  const inner = await call('POST', '/v1/echo:inner', json('{"numberOfThings":{}}'));
  expect(inner.json.error.message).toBe('inner.numberOfThings: must be an integer, not an object');
  const bytes = Buffer.concat([Buffer.from('{"aString":"'), Buffer.from([0xff]), Buffer.from('"}')]);
  const text = await call('POST', '/v1/echo', json(bytes));
  expect(text.json.error.message).toBe('aString: is not valid UTF-8');
});

test('a request without a usable x-request-id gets one, and traceparent continues', async () => {
  for (const sent of [undefined, 'a b', 'x'.repeat(200)]) {
    const { headers, json: body } = await call('GET', '/v1/inspect', {
      headers: sent === undefined ? {} : { 'x-request-id': sent },
    });
    expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(body.metadata['x-request-id']).toBe(headers['x-request-id']);
  }
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const traced = await call('GET', '/v1/inspect', { headers: { traceparent } });
  expect(traced.json.metadata['traceparent']).toBe(traceparent);
});

test('a deadline that passes is DEADLINE_EXCEEDED', async () => {
  const late = await call('POST', '/v1/hang', json({}, { 'x-server-timeout': '0.05' }));
  expect([late.status, late.json.error.status]).toEqual([504, 'DEADLINE_EXCEEDED']);
});

test('a client that leaves cancels the call', async () => {
  const cancelled = library.nextCancel();
  const controller = new AbortController();
  const answer = fetch(`${library.url}/v1/hang`, { method: 'POST', signal: controller.signal });
  setTimeout(() => controller.abort(), 50);
  await expect(answer).rejects.toThrow('aborted');
  await cancelled;
  expect(library.cancelled).toContain('Hang');
});
