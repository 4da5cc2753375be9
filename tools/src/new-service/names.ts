import { Script } from 'node:vm';
import { sqlWords } from './sql-words.ts';

/** One thing's name in each spelling: `spare-part`, `spare_part`, `sparePart`, `SparePart`, `SPARE_PART`, `spare part`. */
export interface Spellings {
  readonly kebab: string;
  readonly snake: string;
  readonly camel: string;
  readonly pascal: string;
  readonly upper: string;
  readonly prose: string;
}

/** What a new service is called, and what it keeps. */
export interface ServiceNames {
  /** The workload: one word in lower case. */
  readonly service: string;
  readonly resource: Spellings;
  readonly resources: Spellings;
}

/** Names of packages, processes and servers of the mesh, and of people in it. */
const taken =
  'edge operator etcd database weft shop proto chassis tools e2e bench docs deploy google grpc health all';

/** Longer ones do not fit into the name of a database user (32) with `weft_`, or of a table with a suffix (64). */
const maxService = 24;
const maxResource = 40;

/**
 * What NAME and RESOURCE ask for. RESOURCE is the singular of what the service keeps, words joined by dashes;
 * by default it is NAME's singular, and `<NAME>-item` where NAME is an activity (`shipping`). Throws an
 * error that names every fault.
 */
export function serviceNames(name = '', resource = ''): ServiceNames {
  if (name === '')
    throw new Error(
      'NAME is missing: make new-service NAME=shipping RESOURCE=shipment (what it keeps, in the singular)',
    );
  const singular = resource === '' ? defaultResource(name) : resource;
  const faults = [...serviceFaults(name), ...(/^[a-z]/.test(name) ? resourceFaults(singular) : [])];
  if (faults.length > 0) throw new Error(faults.join('\n'));
  const words = singular.split('-');
  const plurals = [...words.slice(0, -1), plural(words.at(-1) ?? '')];
  return { service: name, resource: spellings(words), resources: spellings(plurals) };
}

/** The spellings of a name of several words. */
export function spellings(words: readonly string[]): Spellings {
  const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);
  const pascal = words.map(capital).join('');
  return {
    kebab: words.join('-'),
    snake: words.join('_'),
    camel: pascal.charAt(0).toLowerCase() + pascal.slice(1),
    pascal,
    upper: words.join('_').toUpperCase(),
    prose: words.join(' '),
  };
}

function serviceFaults(name: string): string[] {
  if (!/^[a-z][a-z0-9]*$/.test(name))
    return [`NAME is ${name}: it must be one word of lower-case letters and digits, such as shipping`];
  if (name.length > maxService) return [`NAME is ${name}: it has more than ${maxService} characters`];
  if (taken.split(' ').includes(name) || !isIdentifier(name))
    return [`NAME is ${name}: that word is reserved, choose another`];
  return [];
}

function resourceFaults(resource: string): string[] {
  if (!/^[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*$/.test(resource))
    return [`RESOURCE is ${resource}: it must be lower-case words joined by dashes, such as spare-part`];
  if (resource.length > maxResource)
    return [`RESOURCE is ${resource}: it has more than ${maxResource} characters`];
  const { camel, pascal, snake } = spellings(resource.split('-'));
  if (!isIdentifier(camel) || pascal in globalThis || sqlWords.has(snake))
    return [`RESOURCE is ${resource}: that word is reserved in TypeScript or SQL, choose another`];
  if (plural(snake) === snake)
    return [`RESOURCE is ${resource}: it must be a singular, with a plural of its own`];
  return [];
}

/** Whether a module may have a constant of this name. */
function isIdentifier(name: string): boolean {
  try {
    new Script(`'use strict'; async () => { const ${name} = 0; }`);
    return true;
  } catch {
    return false;
  }
}

function defaultResource(name: string): string {
  if (name.endsWith('ing')) return `${name}-item`;
  if (name.endsWith('ies')) return `${name.slice(0, -3)}y`;
  if (/(ss|x|z|ch|sh)es$/.test(name)) return name.slice(0, -2);
  return /[^su]s$/.test(name) ? name.slice(0, -1) : name;
}

/** English's regular plural. */
function plural(word: string): string {
  if (/[^aeiou]y$/.test(word)) return `${word.slice(0, -1)}ies`;
  if (/(s|x|z|ch|sh)$/.test(word)) return `${word}es`;
  return `${word}s`;
}
