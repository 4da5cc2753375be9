import { type DescField, type DescMessage, type Registry } from '@bufbuild/protobuf';
import { detailsWithInfo, violationsText, type ErrorDetail } from '@weft/chassis/errors';
import { BadRequest } from '@weft/proto/google/rpc/error_details';
import { lowerCamelCase } from '../codec/field-mask.ts';
import { JsonPrinter } from '../codec/message-to-json.ts';
import { WireReader } from '../codec/wire-reader.ts';
import { fieldsByName, hasTextForm, isFreeForm } from '../descriptors.ts';
import { wantsProblem } from '../http/accept.ts';
import type { Failure } from '../http/faults.ts';

// Not imported: see http1.ts.
const { STATUS_CODES } = process.getBuiltinModule('node:http');

const typePrefix = 'type.googleapis.com/';
const badRequestType = 'google.rpc.BadRequest';
/** Stack traces and the like, which are for developers alone (AIP-193). */
const debugInfoType = 'google.rpc.DebugInfo';

/** What is known of a failed request. */
export interface Asked {
  readonly accept: string | undefined;
  /** As it was sent, '' where it could not be read. */
  readonly path: string;
  /** Of the method's request, for the names of its fields. */
  readonly type?: DescMessage | undefined;
}

/** Prints failures as AIP-193 wants them: `{"error": {code, message, status, details}}`. */
export class ErrorPrinter {
  private readonly printer: JsonPrinter;
  private readonly registry: Registry;

  /** `registry`: where the types of details are looked up. */
  constructor(registry: Registry) {
    this.registry = registry;
    this.printer = new JsonPrinter({ registry, emitDefaults: false, maxLength: 1 << 20, maxDepth: 100 });
  }

  /** The body of a failed request and its type, in the form that its `Accept` header asks for. */
  answer(
    failure: Failure,
    domain: string,
    { accept, path, type }: Asked,
  ): { readonly contentType: string; readonly body: string } {
    return wantsProblem(accept)
      ? {
          contentType: 'application/problem+json',
          body: this.problem(failure, domain, path, type),
        }
      : { contentType: 'application/json', body: this.print(failure, domain, type) };
  }

  /**
   * The body of a failed request as AIP-193 has it. `domain` names this process in the ErrorInfo of its own errors;
   * `request` is the method's request, for the names of its fields.
   */
  print(failure: Failure, domain: string, request?: DescMessage): string {
    const { message, details } = this.#told(failure, domain, request);
    const { status, error } = failure;
    return `{"error":{"code":${status},"message":${message},"status":"${error.code}","details":${details}}}`;
  }

  /**
   * The same as problem details (RFC 9457), with `code`, `reason` and `details` of AIP-193 as members of its
   * own. Its type is `about:blank`, so its title is that of its HTTP status; `instance` is what was asked for.
   */
  problem(failure: Failure, domain: string, instance: string, request?: DescMessage): string {
    const { message, details } = this.#told(failure, domain, request);
    const { status, error } = failure;
    const title = JSON.stringify(STATUS_CODES[status] ?? error.code);
    return (
      `{"type":"about:blank","title":${title},"status":${status},"detail":${message},` +
      `"instance":${JSON.stringify(reference(instance))},"code":"${error.code}",` +
      `"reason":${JSON.stringify(error.reason)},"details":${details}}`
    );
  }

  /** A failure's message and details as JSON. */
  #told(
    { error, named }: Failure,
    domain: string,
    request: DescMessage | undefined,
  ): { message: string; details: string } {
    const sent = detailsWithInfo(error, domain).filter(({ type }) => type !== debugInfoType);
    const told =
      named === true ? { message: error.message, details: sent } : renamed(error.message, sent, request);
    const details = told.details.map((detail) => this.detail(detail)).join(',');
    return { message: JSON.stringify(told.message), details: `[${details}]` };
  }

  /** A detail of an unknown type, or one that cannot be read, is printed with its bytes: it must not hide the error. */
  private detail({ type, value }: ErrorDetail): string {
    const head = `{"@type":${JSON.stringify(typePrefix + type)}`;
    const message = this.registry.getMessage(type);
    if (message !== undefined) {
      try {
        if (hasTextForm(message) || isFreeForm(message))
          return `${head},"value":${this.printer.message(message, value)}}`;
        return this.printer.fieldsOf(message).print(new WireReader(value), value.length, 0, head);
      } catch {
        // Not what its type says.
      }
    }
    return `${head},"value":"${Buffer.from(value).toString('base64')}"}`;
  }
}

/** A path as it was sent, as a reference that RFC 3986 allows. */
function reference(path: string): string {
  // Two slashes would begin a host's name.
  return path
    .replace(/^\/(?=\/)/, '/./')
    .replace(/[^!-~]|["<>\\^`{|}]|%(?![0-9A-Fa-f]{2})/g, encodeURIComponent);
}

interface Told {
  readonly message: string;
  readonly details: readonly ErrorDetail[];
}

/**
 * Field paths in JSON names, as google/rpc/error_details.proto has them in JSON; in the message too, where
 * it is made of them (invalidArgument).
 */
function renamed(message: string, details: readonly ErrorDetail[], request: DescMessage | undefined): Told {
  const index = details.findIndex(({ type }) => type === badRequestType);
  const detail = details[index];
  if (detail === undefined || request === undefined) return { message, details };
  try {
    const badRequest = BadRequest.decode(detail.value);
    const before = violationsText(badRequest.fieldViolations);
    for (const violation of badRequest.fieldViolations) violation.field = jsonPath(request, violation.field);
    const value = BadRequest.encode(badRequest).finish();
    return {
      message: message === before ? violationsText(badRequest.fieldViolations) : message,
      details: details.with(index, { type: badRequestType, value }),
    };
  } catch {
    // Not what its type says: printed as it came.
    return { message, details };
  }
}

/** `items[0].unit_price` as `items[0].unitPrice`: by the descriptor where it knows the field, else by the rule. */
function jsonPath(type: DescMessage, path: string): string {
  let current: DescMessage | undefined = type;
  return path.replace(/\[[^\]]*\]|[A-Za-z_]\w*/g, (part) => {
    if (part.startsWith('[')) return part;
    const field: DescField | undefined = current && fieldsByName(current).get(part);
    current = field?.message;
    return field?.jsonName ?? lowerCamelCase(part);
  });
}
