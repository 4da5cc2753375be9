import type { Schema } from './scalar-schema.ts';

/** Names with a hyphen, which no protobuf type has. */
const errorName = 'error-response';
const problemName = 'problem-details';

const httpStatus: Schema = { type: 'integer', format: 'int32', description: 'The HTTP status.' };
const explanation: Schema = { type: 'string', description: 'What went wrong, in English, for developers.' };
const codeName: Schema = { type: 'string', description: 'The name of the gRPC code: `NOT_FOUND`.' };
const details: Schema = {
  type: 'array',
  description: 'google.rpc.ErrorInfo and others: `@type` names each.',
  items: { type: 'object', properties: { '@type': { type: 'string' } } },
};

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
          properties: { code: httpStatus, message: explanation, status: codeName, details },
        },
      },
    },
  ],
  [
    problemName,
    {
      type: 'object',
      description: 'A failure (RFC 9457), for clients that accept `application/problem+json`.',
      required: ['type', 'title', 'status'],
      properties: {
        type: { type: 'string', format: 'uri-reference' },
        title: { type: 'string' },
        status: httpStatus,
        detail: explanation,
        instance: { type: 'string', format: 'uri-reference' },
        code: codeName,
        reason: { type: 'string', description: 'That of the ErrorInfo: the same for the same fault.' },
        details,
      },
    },
  ],
];

const info = {
  '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
  reason: 'RESOURCE_MISSING',
  domain: 'example',
};
const message = 'there is no such resource';

/** What every operation answers when it fails. */
export const errorResponse: Schema = {
  description: 'A failure.',
  content: {
    'application/json': {
      schema: { $ref: `#/components/schemas/${errorName}` },
      example: { error: { code: 404, message, status: 'NOT_FOUND', details: [info] } },
    },
    'application/problem+json': {
      schema: { $ref: `#/components/schemas/${problemName}` },
      example: {
        type: 'about:blank',
        title: 'Not Found',
        status: 404,
        detail: message,
        code: 'NOT_FOUND',
        reason: info.reason,
        details: [info],
      },
    },
  },
};
