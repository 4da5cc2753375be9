/** One segment of a template: text that must be there, one segment of any text, or all that is left. */
export type TemplateSegment =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: '*' }
  | { readonly kind: '**' };

/** A field of the request that takes a part of the path. */
export interface TemplateVariable {
  /** Proto names: `['product', 'id']`. */
  readonly fieldPath: readonly string[];
  /** The segments it spans: from `start`, up to but without `end`. */
  readonly start: number;
  readonly end: number;
  /** Spans more than one segment (or any number): `%2F` in it stays as sent. */
  readonly multi: boolean;
  /** Where its brace opens in the template, from 0. */
  readonly index: number;
}

export interface PathTemplate {
  readonly text: string;
  readonly segments: readonly TemplateSegment[];
  readonly variables: readonly TemplateVariable[];
  /** What follows the last colon, '' when there is none. */
  readonly verb: string;
}

/** A template that cannot be parsed; `column` counts from 1 within the template. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
  readonly column: number;

  constructor(message: string, index: number) {
    super(message);
    this.column = index + 1;
  }
}

/**
 * Parses a path template by the grammar in google/api/http.proto: `/v1/{name=shelves/*}/books:verb`.
 * Throws a TemplateError that says what is wrong at which column. The root path `/` is accepted too.
 */
export function parsePathTemplate(text: string): PathTemplate {
  if (!text.startsWith('/')) throw new TemplateError('must start with "/"', 0);
  const colon = verbColon(text);
  const verb = colon === -1 ? '' : text.slice(colon + 1);
  if (colon !== -1) checkLiteral(verb, colon + 1, 'verb');
  const parser = new Parser(text, colon === -1 ? text.length : colon);
  parser.parse();
  return { text, verb, segments: parser.segments, variables: parser.variables };
}

/** The colon of the verb: the last one, outside of braces and in the last segment; -1 for none. */
function verbColon(text: string): number {
  const colon = text.lastIndexOf(':');
  return colon > text.lastIndexOf('/') && colon > text.lastIndexOf('}') ? colon : -1;
}

class Parser {
  readonly segments: TemplateSegment[] = [];
  readonly variables: TemplateVariable[] = [];
  private pos = 1;
  private readonly text: string;
  private readonly end: number;

  constructor(text: string, end: number) {
    this.text = text;
    this.end = end;
  }

  parse(): void {
    if (this.end === 1) {
      this.segments.push({ kind: 'literal', text: '' });
      return;
    }
    for (;;) {
      if (this.text[this.pos] === '{') this.variable();
      else this.segment('/');
      if (this.pos === this.end) return;
      this.expect('/');
    }
  }

  private variable(): void {
    const open = this.pos++;
    const fieldPath = [this.identifier()];
    while (this.text[this.pos] === '.') {
      this.pos++;
      fieldPath.push(this.identifier());
    }
    const start = this.segments.length;
    if (this.text[this.pos] === '=') {
      this.pos++;
      this.segment('/}');
      while (this.text[this.pos] === '/') {
        this.pos++;
        this.segment('/}');
      }
    } else {
      this.push({ kind: '*' }, open);
    }
    this.expect('}');
    const name = fieldPath.join('.');
    if (this.variables.some((v) => v.fieldPath.join('.') === name))
      throw new TemplateError(`the field ${name} is bound twice`, open);
    const end = this.segments.length;
    const multi = end - start > 1 || this.segments[start]?.kind === '**';
    this.variables.push({ fieldPath, start, end, multi, index: open });
  }

  private identifier(): string {
    const match = /[A-Za-z_][A-Za-z0-9_]*/y;
    match.lastIndex = this.pos;
    const name = match.exec(this.text)?.[0];
    if (name === undefined) throw new TemplateError('expected a field name', this.pos);
    this.pos += name.length;
    return name;
  }

  private segment(stops: string): void {
    const start = this.pos;
    while (this.pos < this.end && !stops.includes(this.text[this.pos] ?? '')) this.pos++;
    const text = this.text.slice(start, this.pos);
    if (text === '*' || text === '**') return this.push({ kind: text }, start);
    checkLiteral(text, start, 'segment');
    this.push({ kind: 'literal', text: encodeLiteral(text) }, start);
  }

  private push(segment: TemplateSegment, at: number): void {
    if (this.segments.at(-1)?.kind === '**')
      throw new TemplateError('nothing but a verb may follow "**"', at);
    this.segments.push(segment);
  }

  private expect(char: string): void {
    if (this.pos >= this.end || this.text[this.pos] !== char) {
      const found = this.pos >= this.end ? 'the end' : JSON.stringify(this.text[this.pos]);
      throw new TemplateError(`expected "${char}", found ${found}`, this.pos);
    }
    this.pos++;
  }
}

function checkLiteral(text: string, start: number, what: string): void {
  if (text === '') throw new TemplateError(`the ${what} is empty`, start);
  const bad = text.search(/[*{}?#/\\\s=]|%(?![0-9A-Fa-f]{2})/);
  if (bad !== -1)
    throw new TemplateError(`${JSON.stringify(text[bad])} is not allowed in a literal`, start + bad);
}

/** A literal as it stands in a request: what RFC 3986 has no place for in a path is percent-encoded. */
function encodeLiteral(text: string): string {
  return text
    .replace(/[^A-Za-z0-9\-._~!$&'()+,;:@%]+/gu, encodeURIComponent)
    .replace(/%[0-9A-Fa-f]{2}/g, (escape) => escape.toUpperCase());
}
