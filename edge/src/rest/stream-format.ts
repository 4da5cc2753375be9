/** How the messages of a stream are set into one HTTP body. */
export interface StreamFormat {
  readonly contentType: string;
  /** Before the first message, before each other, and after the last. */
  readonly open: string;
  readonly separator: string;
  readonly close: string;
  /** A message's JSON as it stands in the body. */
  message(json: string): string;
  /** What the body ends with when the stream fails; undefined: the connection is cut. */
  failure(json: string): string | undefined;
  /** Sent while nothing else is, so that both sides notice a dead connection. */
  readonly heartbeat?: string;
}

/** One array, each element as it comes. It stays open when the stream fails, so no parser takes it for whole. */
const jsonArray: StreamFormat = {
  contentType: 'application/json',
  open: '[',
  separator: ',\n',
  close: ']',
  message: (json) => json,
  failure: () => undefined,
};

/** One message a line; a failure is the last line, `{"error": …}`. */
const ndjson: StreamFormat = {
  contentType: 'application/x-ndjson',
  open: '',
  separator: '',
  close: '',
  message: (json) => `${json}\n`,
  failure: (json) => `${json}\n`,
};

/** Server-sent events (HTML standard, 9.2); a failure is an event named `error`. */
const serverSentEvents: StreamFormat = {
  contentType: 'text/event-stream',
  open: '',
  separator: '',
  close: '',
  message: (json) => `data: ${json}\n\n`,
  failure: (json) => `event: error\ndata: ${json}\n\n`,
  heartbeat: ':\n\n',
};

/** The data of google.api.HttpBody messages, one after the other. */
export const rawFormat: StreamFormat = {
  contentType: 'application/octet-stream',
  open: '',
  separator: '',
  close: '',
  message: (json) => json,
  failure: () => undefined,
};

const formats = new Map<string, StreamFormat>([
  ['application/json', jsonArray],
  ['application/x-ndjson', ndjson],
  ['application/ndjson', ndjson],
  ['application/jsonl', ndjson],
  ['text/event-stream', serverSentEvents],
]);

/** The format that an `Accept` header likes best, by its q-values (RFC 9110, 12.5.1); a JSON array by default. */
export function streamFormat(accept: string | undefined): StreamFormat {
  let best = jsonArray;
  let bestQuality = 0;
  for (const range of (accept ?? '').split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const format = formats.get(type);
    const q = parameters.find((parameter) => parameter.startsWith('q='));
    const quality = q === undefined ? 1 : Number(q.slice(2)) || 0;
    if (format === undefined || quality <= bestQuality) continue;
    best = format;
    bestQuality = quality;
  }
  return best;
}
