import type { Schema } from './scalar-schema.ts';

/** Names with a hyphen, which no protobuf type has. */
const errorName = 'error-response';
const problemName = 'problem-details';

/** The schemas of failed requests, by their component's name. */
export const errorSchemas: readonly [string, Schema][] = [
  [
    errorName,
    {
      type: 'object',
      description: 'A failure (AIP-193).',
      required: ['error'],
      properties: {
        error: {
          type: 'object',
          required: ['code', 'message', 'status'],
          properties: {
            code: { type: 'integer', format: 'int32', description: 'The HTTP status.' },
            message: { type: 'string', description: 'What went wrong, in English, for developers.' },
            status: { type: 'string', description: 'The name of the gRPC code: `NOT_FOUND`.' },
            details: {
              type: 'array',
              description: 'google.rpc.ErrorInfo and others: `@type` names each.',
              items: { type: 'object', properties: { '@type': { type: 'string' } } },
            },
          },
        },
      },
    },
  ],
  [
    problemName,
    {
      type: 'object',
      description: 'A failure (RFC 9457), for clients that accept `application/problem+json`.',
      properties: {
        type: { type: 'string', format: 'uri-reference' },
        title: { type: 'string' },
        status: { type: 'integer', format: 'int32', description: 'The HTTP status.' },
        detail: { type: 'string', description: 'What went wrong, in English, for developers.' },
        instance: { type: 'string', format: 'uri-reference' },
      },
    },
  ],
];

/** What every operation answers when it fails. */
export const errorResponse: Schema = {
  description: 'A failure.',
  content: {
    'application/json': {
      schema: { $ref: `#/components/schemas/${errorName}` },
      example: {
        error: {
          code: 404,
          message: 'there is no such resource',
          status: 'NOT_FOUND',
          details: [
            { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'NOT_FOUND', domain: 'example' },
          ],
        },
      },
    },
    'application/problem+json': {
      schema: { $ref: `#/components/schemas/${problemName}` },
      example: { type: 'about:blank', title: 'Not Found', status: 404, detail: 'there is no such resource' },
    },
  },
};
