import type { PathTemplate } from './path-template.ts';

/** The outcome of a look-up. `captures[i]` belongs to `template.variables[i]`, still percent-encoded. */
export type RouteMatch<T> =
  | { readonly kind: 'found'; readonly value: T; readonly captures: readonly string[] }
  /** The path exists, but not with this HTTP method: `allow` lists those it has, sorted. */
  | { readonly kind: 'wrong-method'; readonly allow: readonly string[] }
  | { readonly kind: 'none' };

interface Entry<T> {
  readonly template: PathTemplate;
  readonly value: T;
}

/** By verb ('' for none), then by HTTP method ('*' for any). */
type Endings<T> = Map<string, Map<string, Entry<T>>>;

interface Node<T> {
  readonly literals: Map<string, Node<T>>;
  star?: Node<T>;
  /** Templates that end here, and those that end here with `**`. */
  readonly endings: Endings<T>;
  readonly rest: Endings<T>;
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
    let endings: Endings<T> | undefined;
    for (const segment of template.segments) {
      if (segment.kind === '**') endings = node.rest;
      else if (segment.kind === '*') node = node.star ??= newNode();
      else node = getOrAdd(node.literals, segment.text, newNode<T>);
    }
    const methods = getOrAdd(endings ?? node.endings, template.verb, () => new Map<string, Entry<T>>());
    const existing = methods.get(method);
    if (existing !== undefined) throw new RouteConflict(method, template, existing.value);
    methods.set(method, { template, value });
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
    const literal = node.literals.get(segment) ?? encodedLiteral(node, segment);
    return (
      (literal && this.descend(literal, index + 1)) ??
      (node.star && segment !== '' ? this.descend(node.star, index + 1) : undefined) ??
      (segment === '' && this.segments.length > 1 ? undefined : this.choose(node.rest))
    );
  }

  private choose(endings: Endings<T>): Entry<T> | undefined {
    const methods = endings.get(this.verb);
    if (methods === undefined) return undefined;
    const entry =
      methods.get(this.method) ??
      (this.method === 'HEAD' ? methods.get('GET') : undefined) ??
      methods.get('*');
    if (entry !== undefined) return entry;
    this.allow ??= new Set();
    for (const method of methods.keys()) this.allow.add(method);
    if (methods.has('GET')) this.allow.add('HEAD');
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

/** Hex digits of an escape are the same in either case (RFC 3986, 6.2.2.1); nothing else is normalised. */
function encodedLiteral<T>(node: Node<T>, segment: string): Node<T> | undefined {
  if (!segment.includes('%')) return undefined;
  return node.literals.get(segment.replace(/%[0-9A-Fa-f]{2}/g, (escape) => escape.toUpperCase()));
}

function newNode<T>(): Node<T> {
  return { literals: new Map(), endings: new Map(), rest: new Map() };
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const existing = map.get(key);
  if (existing !== undefined) return existing;
  const made = make();
  map.set(key, made);
  return made;
}
