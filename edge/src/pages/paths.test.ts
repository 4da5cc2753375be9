import { expect, test } from '@jest/globals';
import { documentOf, oddDocument, operation } from '../testing/documents.ts';
import { testContract } from '../testing/schema.ts';

const library = documentOf(testContract());
const oddities = oddDocument();

test.each([
  ['Library_GetBook', 'get /v1/shelves/{shelvesId}/books/{booksId}'],
  ['Library_GetBook2', 'get /v1/books/{id}'],
  ['Library_GetBook3', 'REPORT /v1/books/{id}'],
  // Of one shape with GET /v1/books/{id}, so it is the same path.
  ['Library_UpdateBook', 'patch /v1/books/{id}'],
  ['Library_Echo3', 'post /v1/echo/{inner.name}/{aString}'],
  ['Library_Echo4', 'post /v1/echo:inner'],
  ['Library_GetFile', 'get /v1/files/{path}'],
])('%s is %s', (id, expected) => {
  expect(operation(library, id).place).toBe(expected);
});

test.each([
  ['odd_v1_Odd_One', 'get /v1/files/{id}'],
  // What collapses to one path with it is kept beside it.
  ['odd_v1_Odd_Deep', 'get /v1/files/{id}#odd_v1_Odd_Deep'],
  ['odd_v1_Odd_Parts', 'get /v1/dir/{dirId}/dir/{dirId2}/{path}:read'],
  ['odd_v1_Odd_Free', 'get /v1/{v1Id}/{id}/fixed/a/b'],
  ['odd_v1_Odd_AnyMethod', 'get /v1/any'],
  ['odd_v1_Odd_AnyMethod2', '* /v1/files/{id}'],
  ['odd_v1_Odd_AnyMethod3', 'post /v1/posts'],
  ['odd_v1_Odd_Evil', 'post /v1/__proto__'],
  ['other_v1_Odd_Start', 'get /v1/other/tasks/{tasksId}'],
  ['other_v1_Odd_Start2', 'get /v2/other/tasks/{tasksId}'],
])('%s is %s', (id, expected) => {
  expect(operation(oddities, id).place).toBe(expected);
});

test('each operation says how its request message is put together', () => {
  expect(operation(library, 'Library_GetBook').is).toMatchObject({
    'x-grpc-method': 'acme.v1.Library/GetBook',
    'x-grpc-binding': {
      path: [
        {
          field: ['name'],
          multi: true,
          parts: ['shelves', { parameter: 'shelvesId' }, 'books', { parameter: 'booksId' }],
        },
      ],
    },
  });
  expect(operation(library, 'Library_UpdateBook').is['x-grpc-binding']).toEqual({
    path: [{ field: ['book', 'id'], multi: false, parts: [{ parameter: 'id' }] }],
    body: 'book',
    derivedMask: 'updateMask',
  });
  expect(operation(library, 'Library_Fail').is['x-grpc-binding']).toEqual({ path: [], body: '*' });
  expect(operation(oddities, 'odd_v1_Odd_Free').is['x-grpc-binding']).toMatchObject({
    path: [{ field: ['id'] }, { field: ['path'], parts: ['a', 'b'] }],
  });
});
