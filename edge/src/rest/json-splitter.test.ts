import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { splitMessages } from './json-splitter.ts';

/** The messages of a body that comes in parts of these lengths; the name of what it is refused with. */
async function split(body: Buffer, lengths: readonly number[], lines = false, maxBytes = 1 << 20) {
  async function* parts(): AsyncGenerator<Buffer> {
    let start = 0;
    for (const length of [...lengths, body.length]) {
      yield body.subarray(start, start + length);
      start += length;
    }
  }
  const messages: string[] = [];
  try {
    for await (const message of splitMessages(parts(), lines, maxBytes)) messages.push(message.toString());
  } catch (error) {
    return (error as Error).name;
  }
  return messages;
}

const cuts = fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 10 });

test('an array is cut into its elements, however it is written and wherever its parts end', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.jsonValue()),
      fc.constantFrom(0, 1, 2),
      cuts,
      async (values, indent, lengths) => {
        const messages = await split(Buffer.from(JSON.stringify(values, undefined, indent)), lengths);
        expect(Array.isArray(messages) && messages.map((text) => JSON.parse(text))).toEqual(
          JSON.parse(JSON.stringify(values)),
        );
      },
    ),
  );
});

test('lines are cut at their ends, wherever the parts end', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.jsonValue()), cuts, async (values, lengths) => {
      const body = values.map((value) => `${JSON.stringify(value)}\n`).join('');
      const messages = await split(Buffer.from(body), lengths, true);
      expect(messages).toEqual(values.map((value) => JSON.stringify(value)));
    }),
  );
});

test('any bytes are cut or refused as what they are, in the same way wherever their parts end', async () => {
  const bytes = fc.array(fc.constantFrom(...Buffer.from('[]{},:"\\ \n1é')), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(bytes, cuts, fc.boolean(), async (body, lengths, lines) => {
      const whole = await split(Buffer.from(body), [], lines, 10);
      expect(Array.isArray(whole) || ['JsonTextError', 'HttpFault'].includes(whole)).toBe(true);
      expect(await split(Buffer.from(body), lengths, lines, 10)).toEqual(whole);
    }),
    { numRuns: 500 },
  );
});
