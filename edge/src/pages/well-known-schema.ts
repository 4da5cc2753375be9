import { ScalarType, type DescMessage } from '@bufbuild/protobuf';
import { isWrapper } from '../descriptors.ts';
import { scalarSchema, type Schema } from './scalar-schema.ts';

const schemas = new Map<string, Schema>([
  ['Timestamp', { type: 'string', format: 'date-time' }],
  [
    'Duration',
    { type: 'string', pattern: '^-?[0-9]{1,12}(\\.[0-9]{1,9})?s$', description: 'Seconds: `1.5s`.' },
  ],
  [
    'FieldMask',
    { type: 'string', description: 'Paths of fields, separated by commas: `title,author.name`.' },
  ],
  ['Struct', { type: 'object', additionalProperties: true, description: 'Any JSON object.' }],
  ['Value', { description: 'Any JSON value.' }],
  ['ListValue', { type: 'array', items: {}, description: 'Any JSON array.' }],
  [
    'Any',
    {
      type: 'object',
      properties: {
        '@type': { type: 'string', description: '`type.googleapis.com/` and the name of a type.' },
      },
      additionalProperties: true,
      description: 'A message of any type: `@type` names it, and its fields stand beside that.',
    },
  ],
]);

/** The schema of a message whose JSON form is its own (ProtoJSON's table of types); undefined for any other. */
export function wellKnownSchema(type: DescMessage): Schema | undefined {
  if (isWrapper(type)) return scalarSchema(type.fields[0]?.scalar ?? ScalarType.STRING);
  const [scope, name] = [type.file.proto.package, type.name];
  return scope === 'google.protobuf' && type.parent === undefined ? schemas.get(name) : undefined;
}

/** The schema of a value that may also be null, as a wrapper's may. */
export function nullable(schema: Schema): Schema {
  const { type, anyOf } = schema;
  if (typeof type === 'string') return { ...schema, type: [type, 'null'] };
  return Array.isArray(anyOf) ? { ...schema, anyOf: [...(anyOf as Schema[]), { type: 'null' }] } : schema;
}
