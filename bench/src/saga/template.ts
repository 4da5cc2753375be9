/** Text with slots: literals and, between them, the names of what goes there. */
export interface Template {
  readonly literals: readonly string[];
  readonly slots: readonly string[];
}

/** The ways an id is written in a statement: as bytes, as a UUID, and as a UUID within bytes. */
export function writings(hex: string): readonly string[] {
  const uuid = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return [hex, uuid, Buffer.from(uuid).toString('hex')];
}

/** Makes each writing of the ids in `names` (32 hexadecimal digits, lower case) a slot called `<name>.<writing>`. */
export function templateOf(text: string, names: ReadonlyMap<string, string>): Template {
  const slotOf = new Map(
    [...names].flatMap(([hex, name]) =>
      writings(hex).map((written, i) => [written, `${name}.${i}`] as const),
    ),
  );
  const parts = text.split(new RegExp(`(${[...slotOf.keys()].join('|')})`));
  return {
    literals: parts.filter((_, i) => i % 2 === 0),
    slots: parts.filter((_, i) => i % 2 === 1).map((written) => slotOf.get(written) ?? ''),
  };
}

/** What `fill` puts into the slots of each of these ids. */
export function slotValues(ids: Iterable<readonly [name: string, hex: string]>): ReadonlyMap<string, string> {
  return new Map([...ids].flatMap(([name, hex]) => writings(hex).map((text, i) => [`${name}.${i}`, text])));
}

/** The text with its slots filled. */
export function fill({ literals, slots }: Template, values: ReadonlyMap<string, string>): string {
  return literals.reduce((text, literal, i) => text + (values.get(slots[i - 1] ?? '') ?? '') + literal);
}
