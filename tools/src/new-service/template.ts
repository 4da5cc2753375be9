import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { spellings, type ServiceNames, type Spellings } from './names.ts';

/** What the sample in `tools/templates/service` is called: two words, so that every spelling is told apart. */
const sample: ServiceNames = {
  service: 'workshop',
  resource: spellings(['spare', 'part']),
  resources: spellings(['spare', 'parts']),
};

/** The files of a new service, by their path from the repository's root. */
export type Files = ReadonlyMap<string, string>;

/** The sample as it is. */
export function readSample(folder: string): Files {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  return new Map(paths.sort().map((path) => [path, readFileSync(join(folder, path), 'utf8')]));
}

/** The sample under other names. */
export function renamed(files: Files, names: ServiceNames): Files {
  const to = new Map(renamings(names));
  // The longest first: plurals contain their singulars. All at once: a new name may contain an old one.
  const from = new RegExp([...to.keys()].toSorted((a, b) => b.length - a.length).join('|'), 'g');
  const rename = (text: string) => text.replace(from, (word) => to.get(word) ?? word);
  return new Map([...files].map(([path, text]) => [rename(path), rename(text)]));
}

/**
 * The words of the sample's code, without comments and texts: a resource called like one of them would be
 * mistaken for it.
 */
export function codeWords(files: Files): ReadonlySet<string> {
  const words = new Set<string>();
  for (const [path, text] of files)
    if (/\.(ts|proto)$/.test(path))
      for (const [word] of withoutProse(text).matchAll(/[A-Za-z_]\w*/g)) words.add(word);
  for (const [own] of renamings(sample)) words.delete(own);
  return words;
}

/** Each spelling of the sample's names, and what it becomes. */
function renamings(to: ServiceNames): readonly (readonly [string, string])[] {
  const spelled = (from: Spellings, into: Spellings) =>
    (Object.keys(from) as (keyof Spellings)[]).map((spelling) => [from[spelling], into[spelling]] as const);
  const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);
  return [
    ...spelled(sample.resources, to.resources),
    [capital(sample.resources.prose), capital(to.resources.prose)],
    ...spelled(sample.resource, to.resource),
    [sample.service, to.service],
    [capital(sample.service), capital(to.service)],
  ];
}

function withoutProse(code: string): string {
  return code.replace(/\/\*[\s\S]*?\*\/|\/\/.*|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g, ' ');
}
