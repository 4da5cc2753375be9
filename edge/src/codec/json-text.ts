/** A number of JSON that a double cannot hold: its text, for 64-bit fields. */
export class BigNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Json = null | boolean | number | string | BigNumber | Json[] | { [key: string]: Json };

/** A body that is not JSON, or not within the limits. */
export class JsonTextError extends Error {
  override readonly name = 'JsonTextError';
  /** The body is JSON, but too deep. */
  readonly tooDeep: boolean;

  constructor(message: string, tooDeep = false) {
    super(message);
    this.tooDeep = tooDeep;
  }
}

/**
 * Parses JSON (RFC 8259). The last of duplicate keys wins, `__proto__` is a key like any other, and
 * integers beyond 2^53 keep their digits. Throws a JsonTextError that says where the text is wrong, or
 * that it goes beyond a limit: `maxValues` of members and elements, all levels together.
 */
export function parseJson(text: string, maxDepth: number, maxValues = Infinity): Json {
  const longNumbers = scan(text, maxDepth, maxValues);
  try {
    // The reviver costs, so it runs only where a number may have more digits than a double. Its third
    // argument (ES2026) is not in the compiler's library yet.
    return (longNumbers ? JSON.parse(text, keepDigits as never) : JSON.parse(text)) as Json;
  } catch (error) {
    throw new JsonTextError(describeSyntaxError(error, text));
  }
}

function keepDigits(_key: string, value: Json, context: { readonly source?: string }): Json {
  if (typeof value !== 'number' || context.source === undefined) return value;
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? new BigNumber(context.source) : value;
}

/**
 * Counts brackets outside of strings, without recursion, before anything recursive sees the text. Tells
 * whether a number has an exponent, or so many digits that a double may not hold them.
 */
function scan(text: string, maxDepth: number, maxValues: number): boolean {
  let depth = 0;
  // An empty object or array counts as one too.
  let values = 0;
  let digits = 0;
  let longNumbers = false;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char >= 0x30 && char <= 0x39) {
      digits++;
      continue;
    }
    if (digits >= 16 || (digits > 0 && (char | 0x20) === 0x65)) longNumbers = true;
    digits = 0;
    if (char === 0x22) {
      i = endOfString(text, i);
    } else if (char === 0x7b || char === 0x5b) {
      if (++depth > maxDepth) throw new JsonTextError(`is nested deeper than ${maxDepth} levels`, true);
      values++;
    } else if (char === 0x2c) {
      values++;
    } else if (char === 0x7d || char === 0x5d) {
      depth--;
    }
  }
  if (values > maxValues) throw new JsonTextError(`has more than ${maxValues} members and elements`);
  return longNumbers || digits >= 16;
}

/** Where the string that begins at `start` ends: its quote, or the end of the text. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === 0x5c) slashes++;
    if (slashes % 2 === 0) return end;
  }
  return text.length;
}

function describeSyntaxError(error: unknown, text: string): string {
  const message = error instanceof Error ? error.message : '';
  const position = /\(line (\d+) column (\d+)\)/.exec(message);
  if (position !== null) return `is not valid JSON at line ${position[1]}, column ${position[2]}`;
  if (text.trim() === '' || message.includes('Unexpected end')) return 'is not valid JSON: it ends too early';
  return 'is not valid JSON';
}

/** Whether a value is a JSON object; a BigNumber is a number. */
export function isObject(json: Json): json is { [key: string]: Json } {
  return typeof json === 'object' && json !== null && !Array.isArray(json) && !(json instanceof BigNumber);
}
