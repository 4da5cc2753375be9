/** An error as it stands in a log line. */
export interface LoggedError {
  readonly type: string;
  readonly message: string;
  /** Its frames, without the message. */
  readonly stack: string;
  readonly code?: string | number;
  readonly errno?: number;
  readonly reason?: string;
  readonly cause?: LoggedError;
  readonly errors?: readonly LoggedError[];
}

const deepest = 5;
const mostErrors = 5;

/** Where MySQL and MariaDB quote a value of the statement in their message. */
const quotedValue =
  /^(Duplicate entry|(?:Incorrect|Truncated incorrect) .{1,40} value:?) (?:'.*'(?= for (?:key|column) )|'.*')/s;

/**
 * An error for the log, with its causes. Only what is listed gets there: drivers and libraries hang whole
 * statements with their values (mysql2), claims of tokens (jose) or requests on their errors. What is
 * thrown but is no Error shows its type alone.
 */
export function errorForLog(error: unknown, depth = 0): LoggedError {
  if (!(error instanceof Error)) return { type: typeof error, message: 'is no Error', stack: '' };
  const { code, errno, reason, errors } = error as Error & Readonly<Record<string, unknown>>;
  const deeper = depth < deepest;
  return {
    type: error.name,
    message: error.message.replace(quotedValue, "$1 '…'"),
    stack: (error.stack ?? '')
      .split('\n')
      .filter((line) => /^ {4}at /.test(line))
      .join('\n'),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(typeof errno === 'number' ? { errno } : {}),
    ...(typeof reason === 'string' ? { reason } : {}),
    ...(deeper && error.cause !== undefined ? { cause: errorForLog(error.cause, depth + 1) } : {}),
    ...(deeper && Array.isArray(errors)
      ? { errors: errors.slice(0, mostErrors).map((one) => errorForLog(one, depth + 1)) }
      : {}),
  };
}
