import type { HttpRule } from '../routing/http-rules.ts';
import type { PathTemplate } from '../routing/path-template.ts';
import type { FieldPath } from './schemas.ts';

/** One parameter of an OpenAPI path: it stands for one `*` or `**` of a template. */
export interface PathParameter {
  readonly name: string;
  /** Any number of segments, whose slashes are sent as they are. */
  readonly multi: boolean;
  /** The field it is all of; undefined when it is a part of one, or bound to none. */
  readonly field?: FieldPath;
  /** The field it is a part of. */
  readonly partOf?: FieldPath;
}

/** How a field is put together from parameters: literal segments, and parameters in their place. */
export interface Binding {
  readonly field: FieldPath;
  /** A slash within a parameter stays `%2F`. */
  readonly multi: boolean;
  readonly parts: readonly (string | { readonly parameter: string })[];
}

export interface OpenApiPath {
  readonly key: string;
  readonly parameters: readonly PathParameter[];
  readonly bindings: readonly Binding[];
}

/**
 * Turns templates into OpenAPI paths. OpenAPI has no parameter of several segments, so each `*` becomes
 * one of its own and literals within a variable stay literals: `/v1/{name=shelves/*}` is
 * `/v1/shelves/{shelvesId}`. What a generated client sends there is what the route takes.
 * `**` is one parameter, marked `x-multi-segment`, since its slashes must not be encoded.
 *
 * Paths of one shape are one path in OpenAPI whatever their parameters are called: the first names them.
 */
export class PathNamer {
  private readonly namesByShape = new Map<string, readonly string[]>();

  /** The OpenAPI path of a rule. */
  path({ template, variables }: HttpRule): OpenApiPath {
    const wildcards = findWildcards(template, variables);
    const shape = write(template, () => '{}');
    let names = this.namesByShape.get(shape);
    if (names === undefined) this.namesByShape.set(shape, (names = unique(wildcards.map((w) => w.name))));
    const nameAt = new Map(wildcards.map((wildcard, index) => [wildcard.segment, names[index] ?? '']));
    return {
      key: write(template, (segment) => `{${nameAt.get(segment)}}`),
      parameters: wildcards.map(({ segment, ...wildcard }) => ({
        ...wildcard,
        name: nameAt.get(segment) ?? '',
      })),
      bindings: template.variables.map(({ start, end, multi }, index) => ({
        field: variables[index] ?? [],
        multi,
        parts: template.segments.slice(start, end).map((segment, at) => {
          return segment.kind === 'literal' ? segment.text : { parameter: nameAt.get(start + at) ?? '' };
        }),
      })),
    };
  }
}

type Wildcard = PathParameter & { readonly segment: number };

function findWildcards(template: PathTemplate, variables: HttpRule['variables']): Wildcard[] {
  return template.segments.flatMap((segment, index): Wildcard[] => {
    if (segment.kind === 'literal') return [];
    const at = template.variables.findIndex(({ start, end }) => index >= start && index < end);
    const variable = template.variables[at];
    const field = variables[at];
    const multi = segment.kind === '**';
    const before = template.segments[index - 1];
    const literal = before?.kind === 'literal' ? identifier(before.text) : '';
    if (variable === undefined || field === undefined)
      return [{ segment: index, multi, name: literal === '' ? 'segment' : `${literal}Id` }];
    const whole = variable.end - variable.start === 1;
    if (whole) return [{ segment: index, multi, field, name: field.map((f) => f.jsonName).join('.') }];
    const within = index > variable.start && literal !== '';
    const name = within ? `${literal}${multi ? 'Path' : 'Id'}` : (field.at(-1)?.jsonName ?? '');
    return [{ segment: index, multi, partOf: field, name }];
  });
}

function write(template: PathTemplate, parameter: (segment: number) => string): string {
  const segments = template.segments.map((s, index) => (s.kind === 'literal' ? s.text : parameter(index)));
  return `/${segments.join('/')}${template.verb === '' ? '' : `:${template.verb}`}`;
}

function identifier(literal: string): string {
  const words = literal.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  return words.map((word, at) => (at === 0 ? word : word[0]?.toUpperCase() + word.slice(1))).join('');
}

/** Names of one path must differ; braces and slashes would end an expression. */
function unique(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((wanted) => {
    const base = wanted.replace(/[{}/?#]/g, '_');
    let name = base;
    for (let n = 2; taken.has(name); n++) name = `${base}${n}`;
    taken.add(name);
    return name;
  });
}
