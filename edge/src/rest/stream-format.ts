import { liking, preferences } from '../http/accept.ts';

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

/** By media type; the first one wins where a client likes several alike, and names none of them. */
const formats: readonly (readonly [type: string, format: StreamFormat])[] = [
  ['application/json', jsonArray],
  ['application/x-ndjson', ndjson],
  ['application/ndjson', ndjson],
  ['application/jsonl', ndjson],
  ['text/event-stream', serverSentEvents],
];

/**
 * The format that an `Accept` header likes best (RFC 9110, 12.5.1): by q-values, then what it names before
 * what a range covers, then what it names first. A JSON array where it says nothing or takes none of them: a
 * 406 would help nobody.
 */
export function streamFormat(accept: string | undefined): StreamFormat {
  const wanted = preferences(accept);
  if (wanted.length === 0) return jsonArray;
  let best: { readonly format: StreamFormat; readonly quality: number; readonly position: number } = {
    format: jsonArray,
    quality: 0,
    position: Infinity,
  };
  for (const [type, format] of formats) {
    const { quality, position } = liking(wanted, type);
    const rank = position === -1 ? Infinity : position;
    if (quality > best.quality || (quality === best.quality && quality > 0 && rank < best.position))
      best = { format, quality, position: rank };
  }
  return best.format;
}
