import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readManifest } from '../polyrepo/packages.ts';

/** Something that an entry point of the chassis exports. */
export interface Export {
  readonly name: string;
  readonly kind: string;
  /** Its docstring as one line, empty when it has none. */
  readonly doc: string;
  /** The optional fields of an interface of options that have no docstring. */
  readonly undocumented: readonly string[];
}

/** The entry points that the chassis's package.json names: `service`, `data/uuid`, and so on. */
export function entryPoints(root: string): readonly string[] {
  return Object.keys(readManifest(join(root, 'chassis')).exports ?? {})
    .filter((path) => path !== './package.json')
    .map((path) => path.slice(2));
}

/** What an entry point exports, in the order of its source. */
export function exportsOf(root: string, entry: string): readonly Export[] {
  return exportsIn(join(root, 'chassis/src', `${entry}.ts`));
}

const declaration =
  /^(?<doc>\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n)?export (?:async |abstract )*(?:(?<kind>function|class|interface|type|const)\*? (?<name>\w+)|(?<preset>default)|type \{(?<names>[^}]*)\} from '(?<from>\.[^']*)')/gm;

function exportsIn(file: string): Export[] {
  const code = readFileSync(file, 'utf8');
  const found = new Map<string, Export>();
  for (const match of code.matchAll(declaration)) {
    const { doc = '', kind = 'type', name = 'default', names, from = '' } = match.groups ?? {};
    if (names !== undefined) {
      const wanted = new Set(names.split(',').map((each) => each.trim()));
      for (const each of exportsIn(join(dirname(file), from)))
        if (wanted.has(each.name)) found.set(each.name, each);
    } else if (!found.has(name)) {
      // Of overloads the first has the docstring.
      const body = kind === 'interface' ? bodyAfter(code, match.index + match[0].length) : '';
      const options = /(Options|Settings|TextRule|PageRule)$/.test(name);
      found.set(name, { name, kind, doc: oneLine(doc), undocumented: options ? bareOptions(body) : [] });
    }
  }
  return [...found.values()];
}

/** An interface's text up to the brace that closes it, which begins a line. */
function bodyAfter(code: string, at: number): string {
  return code.slice(at, code.indexOf('\n}', at));
}

/** The optional fields, at the first level, whose line before ends no docstring. */
function bareOptions(body: string): string[] {
  const lines = body.split('\n');
  return lines.flatMap((line, at) => {
    const name = /^ {2}(?:readonly )?(\w+)\?:/.exec(line)?.[1];
    return name === undefined || line.includes('?: undefined') || lines[at - 1]?.trimEnd().endsWith('*/')
      ? []
      : [name];
  });
}

function oneLine(doc: string): string {
  return doc
    .replace(/^\/\*\*|\*\/\s*$/g, '')
    .replace(/^\s*\* ?/gm, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}
