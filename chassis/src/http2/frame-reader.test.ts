import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { makeFrame } from '../testing/frame-peer.ts';
import { FrameReader } from './frame-reader.ts';

function framesOf(chunks: readonly Buffer[]): unknown[] {
  const frames: unknown[] = [];
  const reader = new FrameReader((...frame) => frames.push([...frame.slice(0, 3), frame[3].toString('hex')]));
  for (const chunk of chunks) reader.push(chunk);
  return frames;
}

const sizes = fc.oneof(fc.constant(0), fc.integer({ max: 40, min: 0 }), fc.constant(16_384));

test('frames are the same wherever the bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(sizes, { maxLength: 8 }), fc.array(fc.nat({ max: 200 })), (payloads, cuts) => {
      const bytes = Buffer.concat(payloads.map((size, i) => makeFrame(i, i, i, Buffer.alloc(size, i + 1))));
      const chunks: Buffer[] = [];
      let at = 0;
      for (const cut of cuts) chunks.push(bytes.subarray(at, (at += cut)));
      chunks.push(bytes.subarray(at));
      const whole = payloads.map((size, i) => [i, i, i, Buffer.alloc(size, i + 1).toString('hex')]);
      expect(framesOf(chunks)).toEqual(whole);
    }),
    { numRuns: 200 },
  );
  const bytes = Buffer.concat([makeFrame(1, 2, 3, Buffer.from('abc')), makeFrame(4, 5, 6)]);
  expect(framesOf([...bytes].map((byte) => Buffer.from([byte])))).toEqual(framesOf([bytes]));
});

test('a frame that is too long is refused by its head', () => {
  const head = Buffer.from([0, 0x40, 1, 0, 0, 0, 0, 0, 1]);
  const fault = expect.objectContaining({ name: 'ConnectionFault', code: 6 });
  expect(() => framesOf([head])).toThrow(fault);
  expect(() => framesOf([head.subarray(0, 4), head.subarray(4)])).toThrow(fault);
});
