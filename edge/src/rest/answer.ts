import { HttpBody } from '@weft/proto/google/api/httpbody';
import { messageField } from '../codec/field-to-json.ts';
import type { JsonPrinter } from '../codec/message-to-json.ts';
import { httpBodyType } from '../descriptors.ts';
import type { Route } from '../routing/routes.ts';

/** A message as the body of an answer. JSON stays a string: node:http then writes it with the headers. */
export interface AnswerBody {
  readonly contentType: string;
  readonly data: string | Uint8Array;
}

/** A method's response as its route answers it: as JSON, or as it is where it is a google.api.HttpBody. */
export function answerBody(printer: JsonPrinter, route: Route, message: Uint8Array): AnswerBody {
  if (isHttpBody(route)) return readHttpBody(route, message);
  return { contentType: 'application/json', data: printAnswer(printer, route, message) };
}

/** A response, or the field of it that `response_body` names, as JSON. */
export function printAnswer(printer: JsonPrinter, { rule, method }: Route, message: Uint8Array): string {
  const { output } = method.descriptor;
  return rule.responseBody === undefined
    ? printer.message(output, message)
    : printer.field(output, rule.responseBody, message);
}

/** Whether the answer is a google.api.HttpBody, which is the body itself, with its own type. */
export function isHttpBody({ rule, method }: Route): boolean {
  return (rule.responseBody?.message ?? method.descriptor.output).typeName === httpBodyType;
}

export function readHttpBody(
  { rule }: Route,
  message: Uint8Array,
): { readonly contentType: string; readonly data: Uint8Array } {
  const bytes = rule.responseBody === undefined ? message : messageField(message, rule.responseBody.number);
  const { contentType, data } = HttpBody.decode(bytes);
  // What no header can hold, line breaks above all, is no type.
  return { contentType: /^[\x20-\x7e]+$/.test(contentType) ? contentType : 'application/octet-stream', data };
}
