import { HttpFault } from '../http/faults.ts';
import { JsonTextError } from '../codec/json-text.ts';

const [quote, backslash, newline, comma] = [0x22, 0x5c, 0x0a, 0x2c];
const [openArray, closeArray, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];
const byteOrderMark = [0xef, 0xbb, 0xbf];

/** Cuts the messages out of a body, part by part. They are not parsed here: where they end is all it looks for. */
interface Splitter {
  /** The messages that end within the next part. Throws for a message that is too long. */
  push(part: Buffer): Buffer[];
  /** The last one, if the end of the body ends it. Throws where the body ends too early. */
  end(): Buffer | undefined;
}

/**
 * The messages of a JSON body that streams them, each as its text: the elements of an array, or one a line.
 * `lines`: the body says that it has lines; one that does not has them where it does not begin with `[`, as
 * clients of grpc-gateway send it. Never more than one message and one part of the body are held.
 *
 * Throws a JsonTextError for what is no such body, a 413 for a message above `maxBytes`.
 */
export async function* splitMessages(
  parts: AsyncIterable<Buffer>,
  lines: boolean,
  maxBytes: number,
): AsyncGenerator<Buffer, undefined> {
  let splitter: Splitter | undefined = lines ? new LineSplitter(maxBytes) : undefined;
  let offset = 0;
  for await (const part of parts) {
    let text = withoutMark(part, offset);
    offset += part.length;
    if (splitter === undefined) {
      const first = text.findIndex((byte) => !isSpace(byte));
      if (first === -1) continue;
      splitter = text[first] === openArray ? new ArraySplitter(maxBytes) : new LineSplitter(maxBytes);
      text = text.subarray(first);
    }
    yield* splitter.push(text);
  }
  const last = splitter?.end();
  if (last !== undefined) yield last;
}

/** A part without the bytes of a byte order mark at the beginning of the body. */
function withoutMark(part: Buffer, offset: number): Buffer {
  let skipped = 0;
  while (offset + skipped < 3 && skipped < part.length && part[skipped] === byteOrderMark[offset + skipped])
    skipped++;
  return part.subarray(skipped);
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** A message that grows part by part, in one buffer: parts may be as small as one byte. */
class Pending {
  index = 0;
  #bytes = Buffer.alloc(0);
  #length = 0;
  readonly #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  add(part: Buffer): void {
    const needed = this.#length + part.length;
    if (needed > this.#maxBytes)
      throw new HttpFault(
        413,
        'INVALID_ARGUMENT',
        'MESSAGE_TOO_LARGE',
        `message [${this.index}] is larger than ${this.#maxBytes} bytes`,
      );
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, Math.min(this.#bytes.length * 2, this.#maxBytes)));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    part.copy(this.#bytes, this.#length);
    this.#length = needed;
  }

  take(last: Buffer): Buffer {
    this.add(last);
    const whole = Buffer.from(this.#bytes.subarray(0, this.#length));
    this.#length = 0;
    this.index++;
    return whole;
  }
}

/** One message a line (NDJSON); blank lines are none. */
class LineSplitter implements Splitter {
  readonly #pending: Pending;

  constructor(maxBytes: number) {
    this.#pending = new Pending(maxBytes);
  }

  push(part: Buffer): Buffer[] {
    const messages: Buffer[] = [];
    let start = 0;
    for (let end = part.indexOf(newline); end !== -1; end = part.indexOf(newline, start)) {
      const line = this.#pending.take(part.subarray(start, end));
      if (line.every(isSpace)) this.#pending.index--;
      else messages.push(line);
      start = end + 1;
    }
    this.#pending.add(part.subarray(start));
    return messages;
  }

  end(): Buffer | undefined {
    const line = this.#pending.take(Buffer.alloc(0));
    return line.every(isSpace) ? undefined : line;
  }
}

/** The elements of one JSON array, cut at the commas of its level. */
class ArraySplitter implements Splitter {
  readonly #pending: Pending;
  /** Before the array, in an element (or where one may begin), after the array. */
  #state: 'before' | 'within' | 'after' = 'before';
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** Something of the element has been seen. */
  #begun = false;

  constructor(maxBytes: number) {
    this.#pending = new Pending(maxBytes);
  }

  push(part: Buffer): Buffer[] {
    const messages: Buffer[] = [];
    let start = 0;
    for (let i = 0; i < part.length; i++) {
      const byte = part[i] as number;
      if (this.#state === 'within') {
        const begun = this.#begun;
        if (!this.#endsElement(byte)) {
          // White space before an element is no part of it.
          if (this.#begun && !begun) start = i;
          continue;
        }
        const closes = byte === closeArray;
        if (this.#begun) messages.push(this.#pending.take(part.subarray(start, i)));
        else if (!closes || this.#pending.index > 0) throw missing(this.#pending.index);
        if (closes) this.#state = 'after';
        this.#begun = false;
        start = i + 1;
      } else if (!isSpace(byte)) {
        if (this.#state === 'after')
          throw new JsonTextError('is not valid JSON: something follows the array');
        this.#state = 'within';
        start = i + 1;
      }
    }
    if (this.#state === 'within' && this.#begun) this.#pending.add(part.subarray(start));
    return messages;
  }

  end(): undefined {
    if (this.#state !== 'after') throw new JsonTextError('is not valid JSON: it ends too early');
  }

  /** Looks at the next byte; whether it is the comma or bracket after an element. */
  #endsElement(byte: number): boolean {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false;
      else if (byte === backslash) this.#escaped = true;
      else if (byte === quote) this.#inString = false;
      return false;
    }
    if (this.#depth === 0 && (byte === comma || byte === closeArray)) return true;
    if (!isSpace(byte)) this.#begun = true;
    if (byte === quote) this.#inString = true;
    else if (byte === openArray || byte === openObject) this.#depth++;
    else if (byte === closeArray || byte === closeObject) this.#close();
    return false;
  }

  /** A brace that closes nothing would let the element go on for ever. */
  #close(): void {
    if (this.#depth === 0) throw new JsonTextError(`is not valid JSON in element [${this.#pending.index}]`);
    this.#depth--;
  }
}

function missing(index: number): JsonTextError {
  return new JsonTextError(`is not valid JSON: there is nothing where element [${index}] should be`);
}
