/** Kept between messages; a larger one is let go. */
const keptBytes = 64 * 1024;
/** Up to here a loop over characters is faster than a call into Node. */
const shortText = 48;
const low32 = 0xffff_ffffn;

let kept: Buffer | undefined = Buffer.allocUnsafeSlow(keptBytes);

/** Writes protobuf's wire format. Values are expected to be in the range of their type. */
export class WireWriter {
  private bytes: Buffer;
  private pos = 0;

  constructor() {
    // One at a time may have it; nested ones bring their own.
    this.bytes = kept ?? Buffer.allocUnsafe(1024);
    kept = undefined;
  }

  /** A copy of what was written. Ends this writer's use. */
  finish(): Uint8Array {
    const result = Buffer.from(this.bytes.subarray(0, this.pos));
    if (this.bytes.length === keptBytes) kept = this.bytes;
    return result;
  }

  /** An unsigned number of up to 32 bits. */
  varint32(value: number): void {
    this.reserve(5);
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.bytes[this.pos++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.bytes[this.pos++] = rest;
  }

  /** An int32: negative ones take ten bytes. */
  int32(value: number): void {
    if (value >= 0) this.varint32(value);
    else this.varint64(BigInt(value));
  }

  /** The lower 64 bits. */
  varint64(value: bigint): void {
    if (value >= 0n && value <= low32) return this.varint32(Number(value));
    this.reserve(10);
    let low = Number(value & low32);
    let high = Number((value >> 32n) & low32);
    while (high > 0) {
      this.bytes[this.pos++] = (low & 0x7f) | 0x80;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    this.varint32(low);
  }

  fixed32(value: number): void {
    this.reserve(4);
    this.pos = this.bytes.writeUInt32LE(value >>> 0, this.pos);
  }

  fixed64(value: bigint): void {
    this.reserve(8);
    this.pos = this.bytes.writeBigUInt64LE(BigInt.asUintN(64, value), this.pos);
  }

  float(value: number): void {
    this.reserve(4);
    this.pos = this.bytes.writeFloatLE(value, this.pos);
  }

  double(value: number): void {
    this.reserve(8);
    this.pos = this.bytes.writeDoubleLE(value, this.pos);
  }

  /** With its length before it. */
  data(value: Uint8Array): void {
    this.varint32(value.length);
    this.reserve(value.length);
    this.bytes.set(value, this.pos);
    this.pos += value.length;
  }

  /** With its length before it, as UTF-8. */
  text(value: string): void {
    if (value.length <= shortText && this.shortAscii(value)) return;
    const length = Buffer.byteLength(value);
    this.varint32(length);
    this.reserve(length);
    this.pos += this.bytes.write(value, this.pos, 'utf8');
  }

  private shortAscii(value: string): boolean {
    const { length } = value;
    this.reserve(length + 1);
    const { bytes, pos } = this;
    for (let i = 0; i < length; i++) {
      const char = value.charCodeAt(i);
      if (char >= 0x80) return false;
      bytes[pos + 1 + i] = char;
    }
    bytes[pos] = length;
    this.pos = pos + 1 + length;
    return true;
  }

  /** Begins what has its length before it; `end` takes what this returns. */
  begin(): number {
    this.reserve(1);
    return this.pos++;
  }

  /** Puts the length in. One byte was left for it, and what is longer moves. */
  end(start: number): void {
    const length = this.pos - start - 1;
    if (length < 0x80) {
      this.bytes[start] = length;
      return;
    }
    const more = length < 0x4000 ? 1 : length < 0x20_0000 ? 2 : length < 0x1000_0000 ? 3 : 4;
    this.reserve(more);
    this.bytes.copyWithin(start + 1 + more, start + 1, this.pos);
    this.pos = start;
    this.varint32(length);
    this.pos += length;
  }

  private reserve(count: number): void {
    const needed = this.pos + count;
    if (needed <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(larger, 0, 0, this.pos);
    if (this.bytes.length === keptBytes) kept = this.bytes;
    this.bytes = larger;
  }
}
