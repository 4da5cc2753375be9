import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MessageReader, frameMessage } from './message-framing.ts';

test('messages are the same however their bytes are cut, kept and asked for', () => {
  const sizes = fc.array(fc.oneof(fc.nat({ max: 20 }), fc.nat({ max: 3_000 })), { maxLength: 10 });
  const steps = fc.array(
    fc.tuple(fc.oneof(fc.nat({ max: 6 }), fc.nat({ max: 2_000 })), fc.boolean(), fc.boolean()),
  );
  fc.assert(
    fc.property(sizes, steps, (lengths, cuts) => {
      const messages = lengths.map((length, i) => Buffer.alloc(length, i + 1));
      const bytes = Buffer.concat(messages.map((message) => frameMessage(message)));
      const reader = new MessageReader();
      const read: Buffer[] = [];
      let at = 0;
      const take = (): void => {
        for (let message = reader.next(); message !== undefined; message = reader.next()) read.push(message);
      };
      for (const [size, keeps, asks] of cuts) {
        reader.push(bytes.subarray(at, (at += size)));
        if (asks) take();
        if (keeps) reader.keep();
      }
      reader.push(bytes.subarray(at));
      reader.keep();
      take();
      expect(read.map((message) => message.toString('hex'))).toEqual(
        messages.map((each) => each.toString('hex')),
      );
      expect(reader.bytes).toBe(0);
    }),
    { numRuns: 300 },
  );
});

test('a message that comes byte by byte, each in a packet of its own, takes little more than itself', () => {
  const reader = new MessageReader();
  const frame = frameMessage(Buffer.alloc(2_000, 7));
  for (const byte of frame.subarray(0, -1)) {
    // A byte of a packet that holds much else.
    const packet = Buffer.allocUnsafeSlow(64 * 1024);
    packet[0] = byte;
    reader.push(packet.subarray(0, 1));
    reader.keep();
  }
  expect(reader.heldBytes).toBeLessThan(10_000);
  reader.push(frame.subarray(-1));
  expect(reader.next()?.equals(frame.subarray(5))).toBe(true);
});
