import { ConfigError, loadConfig, type ConfigOf, type Given, type Reader } from '@weft/chassis/config';
import { conflicts, edgeSchema, type EdgeConfig } from './config.ts';

/** What a process is asked to do instead of serving. */
export const commands = {
  help: 'prints this',
  version: 'prints the version',
  'print-config': 'prints every variable with its value, secrets masked',
  'print-routes': 'prints every route with its RPC, and the RPCs that have none',
} as const;

export type Command = keyof typeof commands;

export interface CommandLine {
  readonly commands: ReadonlySet<Command>;
  /** What the flags say, by the names of their variables. */
  readonly given: Given;
  /** Each names its flag. */
  readonly faults: readonly string[];
}

type AnyReader = Reader<unknown>;

/**
 * Flags by name: a variable's own name in lower case with dashes, and the shorter one if it has one. A secret
 * has none: the list of processes would show it.
 */
const flags: ReadonlyMap<string, AnyReader> = new Map(
  Object.values(edgeSchema as Record<string, AnyReader>).flatMap((reader) =>
    reader.secret
      ? []
      : [
          [reader.name.toLowerCase().replaceAll('_', '-'), reader],
          [reader.flag, reader],
        ],
  ),
);

/**
 * Reads a command line: `--flag value` or `--flag=value`, a list's flag once for each item, and of switches
 * `--flag`, `--flag=false` or `--no-flag`. Every fault is told, none is thrown.
 */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const asked = new Set<Command>();
  const given = new Map<string, { raw: string | string[]; from: string }>();
  const faults: string[] = [];
  const rest = [...argv];

  const take = (reader: AnyReader, flag: string, value: string | undefined): void => {
    if (value === undefined || value === '') {
      faults.push(`${flag} needs a value: ${flag} <${reader.form}>`);
      return;
    }
    const before = given.get(reader.name);
    if (reader.kind === 'list' && Array.isArray(before?.raw)) before.raw.push(value);
    else if (before !== undefined) faults.push(`${flag} is given twice`);
    else given.set(reader.name, { raw: reader.kind === 'list' ? [value] : value, from: flag });
  };

  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    const [, name = '', value] = /^--([^=]+)(?:=(.*))?$/s.exec(argument === '-h' ? '--help' : argument) ?? [];
    const reader = flags.get(name);
    const negated = name.startsWith('no-') ? flags.get(name.slice(3)) : undefined;
    if (Object.hasOwn(commands, name) && value === undefined) asked.add(name as Command);
    else if (reader?.kind === 'switch') take(reader, `--${name}`, value ?? 'true');
    else if (negated?.kind === 'switch' && value === undefined) take(negated, `--${name}`, 'false');
    else if (reader !== undefined)
      take(reader, `--${name}`, value ?? (rest[0]?.startsWith('--') === true ? undefined : rest.shift()));
    else if (name === '') faults.push(`${argument} is no flag`);
    else {
      faults.push(`--${name} is unknown${hint(name)}`);
      // What follows was meant for it, and is no fault of its own.
      if (value === undefined && rest[0]?.startsWith('-') === false) rest.shift();
    }
  }
  return { commands: asked, given, faults };
}

/** The configuration of a command line and an environment. Throws a ConfigError with every fault at once. */
export function readConfig(
  { given, faults, commands: asked }: CommandLine,
  environment: NodeJS.ProcessEnv,
): EdgeConfig {
  const config: ConfigOf<typeof edgeSchema> = loadConfig(edgeSchema, environment, given, faults);
  const more = conflicts(config, !asked.has('print-routes'));
  if (more.length > 0) throw new ConfigError(more);
  return config;
}

/** `: do you mean --…?` where a flag is spelled nearly like this. */
function hint(name: string): string {
  const names = [...flags.keys(), ...Object.keys(commands)];
  const near = names
    .map((known) => ({ known, distance: distance(name, known) }))
    .filter(({ known, distance: far }) => far <= Math.max(2, Math.min(3, known.length / 3)))
    .sort((a, b) => a.distance - b.distance)[0];
  const inside = near?.known ?? names.find((known) => name.length > 3 && known.split('-').includes(name));
  return inside === undefined ? ' (--help lists all)' : `: do you mean --${inside}?`;
}

/** How many letters must be changed, added or left out (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const replaced = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
