/** Plausible strings, by the last word of a field's name. */
const byWord = new Map([
  ['id', '42'],
  ['email', 'ada@example.com'],
  ['url', 'https://example.com/'],
  ['uri', 'https://example.com/'],
  ['link', 'https://example.com/'],
  ['host', 'example.com'],
  ['phone', '+4930123456'],
  ['password', 'correct horse battery staple'],
  ['name', 'Example'],
  ['title', 'An example'],
  ['description', 'What it is about.'],
  ['text', 'Some words.'],
  ['message', 'Some words.'],
  ['token', ''],
  ['filter', ''],
  ['etag', '"1"'],
  ['sku', 'EX-42'],
  ['city', 'Berlin'],
  ['country', 'DE'],
  ['street', 'Example Street 1'],
  ['path', 'a/b.txt'],
  ['version', '1.0.0'],
  ['color', 'blue'],
  ['tag', 'new'],
  ['tags', 'new'],
]);

const byName = new Map([
  ['currency_code', 'EUR'],
  ['region_code', 'DE'],
  ['country_code', 'DE'],
  ['language_code', 'en'],
  ['request_id', '7d9f3a52-5c1e-4b8a-9c64-2f0d8e6b1a90'],
  ['full_name', 'Ada Lovelace'],
  ['user_name', 'ada'],
  ['time_zone', 'Europe/Berlin'],
  ['postal_code', '10115'],
  ['content_type', 'text/plain'],
  ['order_by', ''],
]);

/** An example of a string field, by its proto name: always the same one. */
export function exampleText(name: string): string {
  const word = name.slice(name.lastIndexOf('_') + 1);
  return byName.get(name) ?? byWord.get(word) ?? 'example';
}

const numbers = new Map([
  ['page_size', 20],
  ['year', 2030],
  ['birth_year', 1990],
  ['month', 1],
  ['day', 31],
  ['hours', 8],
  ['minutes', 30],
  ['seconds', 0],
  ['nanos', 0],
  ['latitude', 52.5],
  ['longitude', 13.4],
  ['units', 12],
  ['percent', 50],
]);

/** An example of a number field, by its proto name. Not every one is whole. */
export function exampleNumber(name: string): number {
  return numbers.get(name) ?? 1;
}
