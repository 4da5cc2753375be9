/** One entry of an `Accept` or `Accept-Encoding` header. */
export interface Preference {
  /** In lower case: `text/event-stream`, `text/*`, `gzip`, `*`. */
  readonly name: string;
  /** 0 (refused) to 1. */
  readonly quality: number;
}

/** The entries of an `Accept` or `Accept-Encoding` header (RFC 9110, 12.4.2), in order; a bad q counts as 0. */
export function preferences(header: string | undefined): Preference[] {
  if (header === undefined || header === '') return [];
  return header.split(',').flatMap((entry) => {
    const [name = '', ...parameters] = entry.split(';').map((part) => part.trim().toLowerCase());
    if (name === '') return [];
    const q = parameters.find((parameter) => parameter.startsWith('q='));
    return [{ name, quality: q === undefined ? 1 : qualityOf(q.slice(2)) }];
  });
}

function qualityOf(text: string): number {
  return /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(text) ? Number(text) : 0;
}

/** What a header says of one media type: the entry that names it most exactly decides (RFC 9110, 12.5.1). */
export interface Liking {
  readonly quality: number;
  /** Where the type itself is named, from 0; -1 where only a range such as `*` covers it. */
  readonly position: number;
}

/** How much a client likes a media type; without a header it likes all alike. */
export function liking(wanted: readonly Preference[], type: string): Liking {
  if (wanted.length === 0) return { quality: 1, position: -1 };
  const position = wanted.findIndex(({ name }) => name === type);
  if (position !== -1) return { quality: wanted[position]?.quality ?? 0, position };
  const family = `${type.slice(0, type.indexOf('/'))}/*`;
  const range = wanted.find(({ name }) => name === family) ?? wanted.find(({ name }) => name === '*/*');
  return { quality: range?.quality ?? 0, position: -1 };
}

/** Whether errors should be told as `application/problem+json`: it is named, and liked no less than JSON. */
export function wantsProblem(accept: string | undefined): boolean {
  if (accept === undefined || !accept.toLowerCase().includes('problem+json')) return false;
  const wanted = preferences(accept);
  const { quality, position } = liking(wanted, 'application/problem+json');
  return position !== -1 && quality > 0 && quality >= liking(wanted, 'application/json').quality;
}
