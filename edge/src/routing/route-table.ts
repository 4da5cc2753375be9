import type { PathTemplate } from './path-template.ts';

/** The outcome of a look-up. `captures[i]` belongs to `template.variables[i]`, still percent-encoded. */
export type RouteMatch<T> =
  | { readonly kind: 'found'; readonly value: T; readonly captures: readonly string[] }
  /** The path exists, but not with this HTTP method: `allow` lists those it has, sorted. */
  | { readonly kind: 'wrong-method'; readonly allow: readonly string[] }
  | { readonly kind: 'none' };

/** A template with one HTTP method ('*' for any). */
interface Entry<T> {
  readonly method: string;
  readonly template: PathTemplate;
  readonly value: T;
}

/** The templates that end in one place, those without a verb and the others by theirs. */
interface Endings<T> {
  readonly plain: Entry<T>[];
  verbs: Map<string, Entry<T>[]> | undefined;
}

/**
 * What most nodes lack is not there at all: with thousands of routes a look-up costs what it touches of
 * memory that is in no cache.
 */
interface Node<T> {
  literals: Map<string, Node<T>> | undefined;
  star: Node<T> | undefined;
  /** Templates that end here, and those that end here with `**`. */
  endings: Endings<T> | undefined;
  rest: Endings<T> | undefined;
}

/** Two templates that match exactly the same requests. */
export class RouteConflict extends Error {
  override readonly name = 'RouteConflict';
  readonly existing: unknown;

  constructor(method: string, template: PathTemplate, existing: unknown) {
    super(`${method} ${template.text} matches the same requests as another route`);
    this.existing = existing;
  }
}

/**
 * Routes by HTTP method and path template, in a trie of segments. A look-up visits one node a
 * segment, and a second one where a literal leads nowhere, so its cost does not grow with the routes.
 *
 * The most specific template wins, from left to right: a literal over `*` over `**`. Where that leads
 * to no template with the request's method, the next less specific one is tried.
 */
export class RouteTable<T> {
  private readonly root: Node<T> = newNode();

  /** Adds a route. Throws a RouteConflict when another one already takes exactly these requests. */
  add(method: string, template: PathTemplate, value: T): void {
    let node = this.root;
    let open = false;
    for (const segment of template.segments) {
      if (segment.kind === '**') open = true;
      else if (segment.kind === '*') node = node.star ??= newNode();
      else node = childOf(node, segment.text);
    }
    const endings = open ? (node.rest ??= newEndings()) : (node.endings ??= newEndings());
    const entries = entriesOf(endings, template.verb);
    const existing = entries.find((entry) => entry.method === method);
    if (existing !== undefined) throw new RouteConflict(method, template, existing.value);
    entries.push({ method, template, value });
  }

  /**
   * Finds the route of a raw path: it is neither decoded nor normalised, so `//`, `/../` and `%2e`
   * are data. HEAD falls back to GET. An empty segment matches no `*`, and `**` never starts with one
   * (a variable must not capture a leading slash); `**` also matches no segment at all.
   */
  match(method: string, path: string): RouteMatch<T> {
    if (!path.startsWith('/')) return { kind: 'none' };
    const segments = segmentsOf(path);
    const last = segments.length - 1;
    const lastSegment = segments[last] ?? '';
    const colon = lastSegment.lastIndexOf(':');
    if (colon > 0 && colon < lastSegment.length - 1) {
      const shorter = segments.with(last, lastSegment.slice(0, colon));
      const found = new Search<T>(method, shorter, lastSegment.slice(colon + 1)).run(this.root);
      // Where the verb exists, the colon is never part of a name, whatever the HTTP method.
      if (found.kind !== 'none') return found;
    }
    return new Search<T>(method, segments, '').run(this.root);
  }
}

/** What stands between the slashes of a path, which begins with one. */
function segmentsOf(path: string): string[] {
  const segments: string[] = [];
  let start = 1;
  for (let slash = path.indexOf('/', 1); slash !== -1; slash = path.indexOf('/', start)) {
    segments.push(path.slice(start, slash));
    start = slash + 1;
  }
  segments.push(path.slice(start));
  return segments;
}

class Search<T> {
  private allow: Set<string> | undefined;
  private readonly method: string;
  private readonly segments: readonly string[];
  private readonly verb: string;

  constructor(method: string, segments: readonly string[], verb: string) {
    this.method = method;
    this.segments = segments;
    this.verb = verb;
  }

  run(root: Node<T>): RouteMatch<T> {
    const entry = this.descend(root, 0);
    if (entry !== undefined) return { kind: 'found', value: entry.value, captures: this.captures(entry) };
    if (this.allow === undefined) return { kind: 'none' };
    return { kind: 'wrong-method', allow: [...this.allow].sort() };
  }

  private descend(node: Node<T>, index: number): Entry<T> | undefined {
    const segment = this.segments[index];
    if (segment === undefined) return this.choose(node.endings) ?? this.choose(node.rest);
    const literal = node.literals && (node.literals.get(segment) ?? encodedLiteral(node.literals, segment));
    return (
      (literal && this.descend(literal, index + 1)) ??
      (node.star && segment !== '' ? this.descend(node.star, index + 1) : undefined) ??
      (segment === '' && this.segments.length > 1 ? undefined : this.choose(node.rest))
    );
  }

  private choose(endings: Endings<T> | undefined): Entry<T> | undefined {
    const entries = this.verb === '' ? endings?.plain : endings?.verbs?.get(this.verb);
    if (entries === undefined || entries.length === 0) return undefined;
    const entry =
      withMethod(entries, this.method) ??
      (this.method === 'HEAD' ? withMethod(entries, 'GET') : undefined) ??
      withMethod(entries, '*');
    if (entry !== undefined) return entry;
    this.allow ??= new Set();
    for (const { method } of entries) this.allow.add(method).add(method === 'GET' ? 'HEAD' : method);
    return undefined;
  }

  private captures({ template }: Entry<T>): string[] {
    const captures: string[] = [];
    for (const { start, end, multi } of template.variables) {
      if (!multi) {
        captures.push(this.segments[start] ?? '');
        continue;
      }
      const open = template.segments[end - 1]?.kind === '**';
      captures.push(this.segments.slice(start, open ? undefined : end).join('/'));
    }
    return captures;
  }
}

function withMethod<T>(entries: readonly Entry<T>[], method: string): Entry<T> | undefined {
  for (const entry of entries) if (entry.method === method) return entry;
  return undefined;
}

/** Hex digits of an escape are the same in either case (RFC 3986, 6.2.2.1); nothing else is normalised. */
function encodedLiteral<T>(literals: ReadonlyMap<string, Node<T>>, segment: string): Node<T> | undefined {
  if (!segment.includes('%')) return undefined;
  return literals.get(segment.replace(/%[0-9A-Fa-f]{2}/g, (escape) => escape.toUpperCase()));
}

function newNode<T>(): Node<T> {
  return { literals: undefined, star: undefined, endings: undefined, rest: undefined };
}

function newEndings<T>(): Endings<T> {
  return { plain: [], verbs: undefined };
}

function childOf<T>(node: Node<T>, text: string): Node<T> {
  const literals = (node.literals ??= new Map());
  let child = literals.get(text);
  if (child === undefined) literals.set(text, (child = newNode<T>()));
  return child;
}

function entriesOf<T>(endings: Endings<T>, verb: string): Entry<T>[] {
  if (verb === '') return endings.plain;
  const verbs = (endings.verbs ??= new Map());
  let entries = verbs.get(verb);
  if (entries === undefined) verbs.set(verb, (entries = []));
  return entries;
}
