import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ajv, at, documentOf, operations, type Doc } from '../testing/documents.ts';
import { json, send, type Answer } from '../testing/http.ts';
import { startLibrary, type Library } from '../testing/library.ts';
import { testContract } from '../testing/schema.ts';

const library = documentOf(testContract());
let edge: Library;
beforeAll(async () => {
  edge = await startLibrary();
});
afterAll(() => edge?.stop());

/** Hang never answers; the examples of the others ask them to fail. */
const others = /_(Hang|Fail|UploadBooks|Chat)$/;
const callable = operations(library).flatMap(({ operation: is, ...place }) => {
  const id = is['operationId'] as unknown as string;
  return others.test(id) ? [] : [[id, { is, ...place }] as const];
});

function fits(schema: unknown, value: unknown): unknown {
  const check = ajv().compile({ ...(schema as object), components: library['components'] });
  return check(value) ? undefined : check.errors;
}

/** An operation, called with the examples that the document gives. */
function callByExample(path: string, method: string, is: Doc): Promise<Answer> {
  const parameters = (is['parameters'] ?? []) as unknown as { in: string; name: string; example?: unknown }[];
  let target = path;
  for (const { in: place, name, example } of parameters)
    if (place === 'path') target = target.replace(`{${name}}`, encodeURIComponent(String(example)));
  const authorization = 'Bearer librarian';
  const content = at(is, 'requestBody', 'content', 'application/json') as Doc | undefined;
  const options =
    content === undefined ? { headers: { authorization } } : json(content['example'], { authorization });
  return send(edge.url, /^[a-z]/.test(method) ? method.toUpperCase() : method, target, options);
}

test.each(callable)(
  'the edge takes the examples of %s, and its answer fits the document',
  async (_, { path, method, is }) => {
    const { status, json: answer } = await callByExample(path, method, is);
    expect(status).toBe(200);
    const content = at(is, 'responses', '200', 'content') as Doc;
    // Bytes as they are fit whatever they are.
    const schema = content['application/json']?.['schema'] ?? content['*/*']?.['schema'];
    expect(fits(schema, answer)).toBeUndefined();
  },
);

test.each([
  ['application/json', 'error-response'],
  ['application/problem+json', 'problem-details'],
])('a failure as %s fits the document', async (accept, schema) => {
  const answer = await send(edge.url, 'GET', '/v1/books?pageSize=many', { headers: { accept } });
  expect(answer.headers['content-type']).toBe(accept);
  expect(fits({ $ref: `#/components/schemas/${schema}` }, answer.json)).toBeUndefined();
});
