import {
  getOption,
  hasOption,
  type DescExtension,
  type DescField,
  type DescMessage,
  type DescMethod,
  type FileRegistry,
} from '@bufbuild/protobuf';
import { fieldsByName, hasTextForm, isSingular } from '../descriptors.ts';
import {
  parsePathTemplate,
  TemplateError,
  type PathTemplate,
  type TemplateVariable,
} from './path-template.ts';

/** Which part of the request message a body holds. */
export type BodyRule =
  | { readonly kind: 'none' }
  | { readonly kind: 'all' }
  | { readonly kind: 'field'; readonly field: DescField };

/** One `google.api.http` binding of a method, checked against its messages. */
export interface HttpRule {
  /** GET, POST, …, or `*` for any. */
  readonly httpMethod: string;
  readonly template: PathTemplate;
  /** The fields that the template's variables take, each as a path from the request message. */
  readonly variables: readonly (readonly DescField[])[];
  readonly body: BodyRule;
  /** The field of the response that is the answer; undefined: all of it. */
  readonly responseBody?: DescField;
}

/** google.api.HttpRule, as protobuf-es builds it from a descriptor at run time. */
interface WireRule {
  readonly pattern: { readonly case?: string; readonly value?: string | { kind: string; path: string } };
  readonly body: string;
  readonly responseBody: string;
  readonly additionalBindings: readonly WireRule[];
}

/**
 * The REST bindings of a method: its `google.api.http` rule, then the additional ones; none if it has
 * no rule. What is wrong with them goes to `faults`, each naming file, method and, in a template, the column.
 */
export function httpRules(registry: FileRegistry, method: DescMethod, faults: string[]): HttpRule[] {
  const extension = registry.getExtension('google.api.http') as DescExtension | undefined;
  if (extension === undefined || !hasOption(method, extension)) return [];
  const rule = getOption(method, extension) as unknown as WireRule;
  const where = placeOf(method);
  const nested = rule.additionalBindings.some((binding) => binding.additionalBindings.length > 0);
  if (nested) faults.push(`${where}: an additional binding must not have additional bindings of its own`);
  const rules: HttpRule[] = [];
  for (const binding of [rule, ...rule.additionalBindings]) {
    try {
      rules.push(readRule(binding, method));
    } catch (error) {
      if (error instanceof TemplateError) {
        faults.push(`${placeOf(method, pattern(binding).path, error.column)}: ${error.message}`);
      } else if (error instanceof RuleError) {
        faults.push(`${where}: ${error.message}`);
      } else {
        throw error;
      }
    }
  }
  return rules;
}

/** Where a fault is, as compilers begin their messages: file, method and, if it is in a template, the column. */
export function placeOf({ parent, name }: DescMethod, template?: string, column = 1): string {
  const method = `${parent.file.name}.proto: ${parent.typeName}.${name}`;
  return template === undefined ? method : `${method}: ${JSON.stringify(template)}, column ${column}`;
}

class RuleError extends Error {}

function pattern(rule: WireRule): { httpMethod: string; path: string } {
  const { case: kind, value } = rule.pattern;
  if (kind === undefined || value === undefined) throw new RuleError('the rule has no path');
  if (typeof value === 'string') return { httpMethod: kind.toUpperCase(), path: value };
  if (!/^(\*|[!#$%&'*+\-.^_`|~0-9A-Za-z]+)$/.test(value.kind))
    throw new RuleError(`the custom kind ${JSON.stringify(value.kind)} is no HTTP method`);
  return { httpMethod: value.kind, path: value.path };
}

function readRule(rule: WireRule, method: DescMethod): HttpRule {
  const { httpMethod, path } = pattern(rule);
  const template = parsePathTemplate(path);
  const variables = template.variables.map((variable) => variableFields(method.input, variable));
  const responseBody =
    rule.responseBody === '' ? undefined : topLevel(method.output, rule.responseBody, 'response_body');
  return {
    httpMethod,
    template,
    variables,
    body: bodyRule(method.input, rule.body),
    ...(responseBody === undefined ? {} : { responseBody }),
  };
}

function bodyRule(input: DescMessage, body: string): BodyRule {
  if (body === '') return { kind: 'none' };
  if (body === '*') return { kind: 'all' };
  return { kind: 'field', field: topLevel(input, body, 'body') };
}

function topLevel(type: DescMessage, name: string, clause: string): DescField {
  const field = fieldsByName(type).get(name);
  if (field === undefined) throw new RuleError(`${clause}: ${type.typeName} has no field "${name}"`);
  return field;
}

/** "The path variables must not refer to any repeated or mapped field", nor to a message (http.proto). */
function variableFields(input: DescMessage, { fieldPath, index }: TemplateVariable): DescField[] {
  const refuse = (why: string): never => {
    throw new TemplateError(`the variable {${fieldPath.join('.')}}${why}`, index);
  };
  const fields: DescField[] = [];
  let type: DescMessage | undefined = input;
  for (const name of fieldPath) {
    const field: DescField | undefined = type && fieldsByName(type).get(name);
    if (field === undefined) return refuse(`: there is no field "${name}"`);
    if (!isSingular(field)) return refuse(`: "${name}" is repeated or a map`);
    fields.push(field);
    type = field.fieldKind === 'message' ? field.message : undefined;
  }
  return type === undefined || hasTextForm(type) ? fields : refuse(` is a message, ${type.typeName}`);
}
