import type { CodeName } from '../errors.ts';

/**
 * What counts as the server's own failure (OpenTelemetry's semantic conventions, gRPC): such calls are errors
 * in traces and warnings in the log. The others are their caller's doing: a healthy service has them too.
 */
const serverFaults = new Set<CodeName>([
  'UNKNOWN',
  'DEADLINE_EXCEEDED',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
]);

export function isServerFault(code: CodeName): boolean {
  return serverFaults.has(code);
}
