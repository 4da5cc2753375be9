/** Bytes that are no message of the type they are said to be. */
export class WireFault extends Error {
  override readonly name = 'WireFault';
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const replacement = '\ufffd';

/** Bytes that do not stand for themselves in a JSON string: controls, quote, backslash, and all beyond ASCII. */
const needsCare = new Uint8Array(256).fill(1, 0, 0x20).fill(1, 0x80);
needsCare[0x22] = needsCare[0x5c] = 1;

/** A cursor over protobuf's wire format. It throws a WireFault rather than read past its end. */
export class WireReader {
  pos = 0;
  /** The upper half of the last `varint64`, signed; the lower half is what that returned. */
  high = 0;
  readonly bytes: Buffer;
  /** All bytes as characters: one copy, of which strings are slices that cost nothing. */
  private characters: string | undefined;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The lower 32 bits of a varint, signed. */
  varint32(): number {
    const first = this.bytes[this.pos];
    if (first !== undefined && first < 0x80) {
      this.pos++;
      return first;
    }
    return this.varint64();
  }

  /** A varint of up to ten bytes: returns its lower half, signed, and leaves the upper in `high`. */
  varint64(): number {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.bytes[this.pos++];
      if (byte === undefined) throw new WireFault('a varint is cut off');
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >> 4;
      } else high |= shift === 63 ? (bits & 1) << 31 : bits << (shift - 32);
      if (byte < 0x80) {
        this.high = high;
        return low;
      }
    }
    throw new WireFault('a varint is longer than ten bytes');
  }

  /** Takes `length` bytes and returns where they start. */
  take(length: number): number {
    const start = this.pos;
    if (length < 0 || start + length > this.bytes.length) throw new WireFault('a field is cut off');
    this.pos = start + length;
    return start;
  }

  /** Enters a length-delimited field: returns its end. */
  delimited(): number {
    const length = this.varint32();
    const start = this.take(length);
    this.pos = start;
    return start + length;
  }

  /** A string, as UTF-8; invalid UTF-8 is a fault. */
  string(): string {
    const end = this.delimited();
    const start = this.pos;
    this.pos = end;
    for (let i = start; i < end; i++) {
      if ((this.bytes[i] ?? 0) >= 0x80) return this.decode(start, end);
    }
    return this.ascii(start, end);
  }

  /** A string as JSON text. */
  quoted(): string {
    const end = this.delimited();
    const start = this.pos;
    this.pos = end;
    const { bytes } = this;
    for (let i = start; i < end; i++) {
      if (needsCare[bytes[i] ?? 0] !== 0) return JSON.stringify(this.decode(start, end));
    }
    return `"${this.ascii(start, end)}"`;
  }

  private ascii(start: number, end: number): string {
    return (this.characters ??= this.bytes.toString('latin1')).slice(start, end);
  }

  private decode(start: number, end: number): string {
    const text = this.bytes.toString('utf8', start, end);
    // Quick, but it puts a replacement character for what is wrong: where one is found, look again.
    if (!text.includes(replacement)) return text;
    try {
      return utf8.decode(this.bytes.subarray(start, end));
    } catch (error) {
      throw new WireFault('a string is not valid UTF-8', { cause: error });
    }
  }

  /** Skips a field whose tag was read. */
  skip(tag: number, depth = 0): void {
    switch (tag & 7) {
      case 0:
        this.varint64();
        return;
      case 1:
        this.take(8);
        return;
      case 2:
        this.take(this.varint32());
        return;
      case 3:
        this.group(tag, depth);
        return;
      case 5:
        this.take(4);
        return;
      default:
        throw new WireFault(`wire type ${tag & 7} is not expected here`);
    }
  }

  /** Skips a group's fields and its end; returns where the end tag starts. */
  group(startTag: number, depth = 0): number {
    if (depth > 100) throw new WireFault('groups are nested too deep');
    for (;;) {
      const before = this.pos;
      const tag = this.varint32();
      if ((tag & 7) === 4) {
        if (tag >>> 3 !== startTag >>> 3) throw new WireFault('a group ends with the wrong number');
        return before;
      }
      this.skip(tag, depth + 1);
    }
  }
}
