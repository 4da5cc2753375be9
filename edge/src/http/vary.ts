/** Headers under construction. */
export type Headers = Record<string, string | string[]>;

/** Adds a name to the `Vary` of an answer: what it depends on, beside the URL (RFC 9110, 12.5.5). */
export function addVary(headers: Headers, name: string): void {
  const before = headers['vary'];
  if (before === undefined) headers['vary'] = name;
  else if (!String(before).toLowerCase().split(/, ?/).includes(name.toLowerCase()))
    headers['vary'] = `${String(before)}, ${name}`;
}
