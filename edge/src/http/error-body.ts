import { type DescField, type DescMessage, type Registry } from '@bufbuild/protobuf';
import { detailsWithInfo, type ErrorDetail } from '@weft/chassis/errors';
import { BadRequest } from '@weft/proto/google/rpc/error_details';
import { lowerCamelCase } from '../codec/field-mask.ts';
import { JsonPrinter } from '../codec/message-to-json.ts';
import { WireReader } from '../codec/wire-reader.ts';
import { fieldsByName } from '../descriptors.ts';
import type { Failure } from './faults.ts';

const typePrefix = 'type.googleapis.com/';
const badRequestType = 'google.rpc.BadRequest';

/** Prints failures as AIP-193 wants them: `{"error": {code, message, status, details}}`. */
export class ErrorPrinter {
  private readonly printer: JsonPrinter;
  private readonly registry: Registry;

  /** `registry`: where the types of details are looked up. */
  constructor(registry: Registry) {
    this.registry = registry;
    this.printer = new JsonPrinter({ registry, emitDefaults: false, maxLength: 1 << 20, maxDepth: 100 });
  }

  /**
   * The body of a failed request. `domain` names this process in the ErrorInfo of its own errors;
   * `request` is the method's request, for the names of its fields.
   */
  print({ status, error, named }: Failure, domain: string, request?: DescMessage): string {
    const printed = detailsWithInfo(error, domain).map((detail) =>
      this.detail(renamed(detail, named ? undefined : request)),
    );
    const message = JSON.stringify(error.message);
    return `{"error":{"code":${status},"message":${message},"status":"${error.code}","details":[${printed.join(',')}]}}`;
  }

  /** A detail of an unknown type, or one that cannot be read, is printed with its bytes: it must not hide the error. */
  private detail({ type, value }: ErrorDetail): string {
    const head = `{"@type":${JSON.stringify(typePrefix + type)}`;
    const message = this.registry.getMessage(type);
    if (message !== undefined) {
      try {
        const members = this.printer.fieldsOf(message).members(new WireReader(value), value.length, 0);
        return members === '' ? `${head}}` : `${head},${members}}`;
      } catch {
        // Not what its type says.
      }
    }
    return `${head},"value":"${Buffer.from(value).toString('base64')}"}`;
  }
}

/** Field paths in JSON names, as google/rpc/error_details.proto has them in JSON. */
function renamed(detail: ErrorDetail, request: DescMessage | undefined): ErrorDetail {
  if (detail.type !== badRequestType || request === undefined) return detail;
  try {
    const badRequest = BadRequest.decode(detail.value);
    for (const violation of badRequest.fieldViolations) violation.field = jsonPath(request, violation.field);
    return { type: detail.type, value: BadRequest.encode(badRequest).finish() };
  } catch {
    return detail;
  }
}

/** `items[0].unit_price` as `items[0].unitPrice`: by the descriptor where it knows the field, else by the rule. */
export function jsonPath(type: DescMessage, path: string): string {
  let current: DescMessage | undefined = type;
  return path.replace(/\[[^\]]*\]|[A-Za-z_]\w*/g, (part) => {
    if (part.startsWith('[')) return part;
    const field: DescField | undefined = current && fieldsByName(current).get(part);
    current = field?.message;
    return field?.jsonName ?? lowerCamelCase(part);
  });
}
