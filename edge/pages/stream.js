// @ts-check

/** @typedef {{ text: string, failed: boolean }} StreamMessage */

/**
 * The messages of a streamed answer as they arrive: server-sent events, or one a line.
 * @param {Response} response
 * @returns {AsyncGenerator<StreamMessage>}
 */
export async function* messages(response) {
  const type = response.headers.get('content-type') ?? '';
  const split = type.includes('event-stream') ? eventSplitter() : lineSplitter();
  if (response.body === null) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield* split(value);
  }
}

/** @typedef {(chunk: string) => StreamMessage[]} Splitter */

/** @returns {Splitter} */
function lineSplitter() {
  let rest = '';
  return (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    return lines
      .filter((line) => line.trim() !== '')
      .map((text) => ({ text, failed: text.startsWith('{"error":') }));
  };
}

/**
 * Server-sent events (HTML standard, 9.2).
 * @returns {Splitter}
 */
function eventSplitter() {
  let rest = '';
  return (chunk) => {
    const events = (rest + chunk).split(/\r?\n\r?\n/);
    rest = events.pop() ?? '';
    return events.flatMap((event) => {
      const lines = event.split(/\r?\n/);
      const data = lines
        .filter((line) => line.startsWith('data:'))
        .map((line) => line.slice(5).replace(/^ /, ''));
      const failed = lines.some((line) => /^event: ?error$/.test(line));
      return data.length === 0 ? [] : [{ text: data.join('\n'), failed }];
    });
  };
}
