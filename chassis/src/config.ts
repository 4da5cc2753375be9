import { accessSync, constants } from 'node:fs';

/** A variable's text as it was given; a list may come as its items. */
export type Raw = string | readonly string[];

/** Reads one variable. `read` gets undefined when it is unset or empty, and throws what is wrong with it. */
export interface Reader<T> {
  readonly name: string;
  readonly secret: boolean;
  /** The name of its flag without the dashes, for processes that have flags. */
  readonly flag: string;
  /** What it takes: one value, `true` or `false`, or several values. */
  readonly kind: 'value' | 'switch' | 'list';
  /** One line for people; '' if there is none. */
  readonly about: string;
  /** What a value looks like: `host:port`, `number`. */
  readonly form: string;
  /** What it is when it is not set; undefined if it must or may be left out. */
  readonly preset: unknown;
  read(raw: Raw | undefined): T;
}

/** The variables of a process: any names on the left, readers on the right. */
export type Schema = Readonly<Record<string, Reader<unknown>>>;

/** What a schema yields. */
export type ConfigOf<S> = { readonly [K in keyof S]: S[K] extends Reader<infer T> ? T : never };

interface Told {
  /** Hides the value from describeConfig and from fault messages. */
  readonly secret?: boolean;
  /** One line for people, in `--help`. */
  readonly about?: string;
  /** Its flag, where that is not its name in lower case with dashes. */
  readonly flag?: string;
  /** What a value looks like, in `--help`. */
  readonly form?: string;
}
interface Required extends Told {
  readonly default?: undefined;
  readonly optional?: false;
}
interface WithDefault<T> extends Told {
  readonly default: T;
  readonly optional?: false;
}
interface Optional extends Told {
  readonly default?: undefined;
  readonly optional: true;
}

/** Makes readers for one kind of value: required, with a default, or optional. */
interface Kind<T, A extends unknown[], O> {
  (name: string, ...args: [...A, options?: O & Required]): Reader<T>;
  (name: string, ...args: [...A, options: O & WithDefault<T>]): Reader<T>;
  (name: string, ...args: [...A, options: O & Optional]): Reader<T | undefined>;
}

interface Range {
  readonly min?: number;
  readonly max?: number;
}

/** The readers. A variable that is set but wrong is a fault, never silently the default. */
export const env: {
  readonly string: Kind<string, [], object>;
  /** A whole number, `min` to `max` (both inclusive). */
  readonly integer: Kind<number, [], Range>;
  /** A decimal number, `min` to `max` (both inclusive). */
  readonly number: Kind<number, [], Range>;
  /** Whole milliseconds, or a number with its unit: `500`, `500ms`, `30s`, `5m`; `min` to `max` in milliseconds. */
  readonly duration: Kind<number, [], Range>;
  /** 0 to 65535; 0 lets the system choose. */
  readonly port: Kind<number, [], object>;
  /** `true` or `false`. */
  readonly boolean: Kind<boolean, [], object>;
  /** A URL whose protocol (`https:`) is one of those named. */
  readonly url: Kind<string, [], { readonly protocols: readonly string[] }>;
  /** The path of a file that this process can read. */
  readonly file: Kind<string, [], object>;
  /** One of the given words. */
  oneOf<const V extends string>(
    name: string,
    values: readonly V[],
    options?: Told & { readonly default?: V },
  ): Reader<V>;
  /**
   * Several values: separated by commas in a variable, one for each time its flag is given. None when it is
   * not set. `each` reads one of them, and throws what is wrong with it; without it they are texts.
   */
  list<T = string>(
    name: string,
    options?: Told & { readonly each?: (item: string) => T; readonly default?: readonly T[] },
  ): Reader<readonly T[]>;
} = {
  string: (name: string, options?: AnyOptions) => reader(name, { form: 'text', ...options }, (raw) => raw),
  integer: (name: string, options?: AnyOptions & Range) =>
    reader(name, { form: 'number', ...options }, (raw) => {
      const value = Number(raw);
      if (!/^-?\d+$/.test(raw) || !Number.isSafeInteger(value)) throw new Error('is not a whole number');
      return within(value, options);
    }),
  number: (name: string, options?: AnyOptions & Range) =>
    reader(name, { form: 'number', ...options }, (raw) => {
      if (!/^-?\d+(\.\d+)?$/.test(raw)) throw new Error('is not a decimal number');
      return within(Number(raw), options);
    }),
  duration: (name: string, options?: AnyOptions & Range) =>
    reader(name, { form: 'milliseconds', ...options }, (raw) => {
      const [, digits, unit = 'ms'] = /^(\d{1,12})(ms|s|m)?$/.exec(raw) ?? [];
      if (digits === undefined) throw new Error('is no time like 500, 500ms, 30s or 5m');
      return within(Number(digits) * (unit === 'm' ? 60_000 : unit === 's' ? 1_000 : 1), options);
    }),
  port: (name: string, options?: AnyOptions) =>
    reader(name, { form: 'port', ...options }, (raw) => {
      if (!/^\d{1,5}$/.test(raw) || Number(raw) > 65_535) throw new Error('is not a port (0 to 65535)');
      return Number(raw);
    }),
  boolean: (name: string, options?: AnyOptions) =>
    reader(name, { form: '', kind: 'switch', ...options }, (raw) => {
      if (raw !== 'true' && raw !== 'false') throw new Error('is neither true nor false');
      return raw === 'true';
    }),
  url: (name: string, options?: AnyOptions & { protocols: readonly string[] }) =>
    reader(name, { form: 'url', ...options }, (raw) => {
      const protocols = options?.protocols ?? [];
      if (!URL.canParse(raw) || !protocols.includes(new URL(raw).protocol))
        throw new Error(`is not a URL with ${protocols.join(' or ')}`);
      return raw;
    }),
  file: (name: string, options?: AnyOptions) =>
    reader(name, { form: 'file', ...options }, (raw) => {
      try {
        accessSync(raw, constants.R_OK);
      } catch (error) {
        throw new Error(`names a file that cannot be read (${(error as NodeJS.ErrnoException).code})`, {
          cause: error,
        });
      }
      return raw;
    }),
  oneOf: <V extends string>(name: string, values: readonly V[], options?: AnyOptions) =>
    reader(name, { form: values.join('|'), ...options }, (raw) => {
      const value = values.find((v) => v === raw);
      if (value === undefined) throw new Error(`is none of ${values.join(', ')}`);
      return value;
    }),
  list: <T>(
    name: string,
    {
      each,
      default: preset = [],
      ...options
    }: AnyOptions & { each?: (item: string) => T; default?: readonly T[] } = {},
  ) => ({
    ...reader(name, { form: 'text', ...options, kind: 'list', default: preset }, (raw) => raw),
    read(raw?: Raw) {
      const items = (typeof raw === 'string' ? raw.split(',') : (raw ?? [])).map((item) => item.trim());
      const given = items.filter((item) => item !== '');
      if (given.length === 0) return preset;
      return given.map((item) => (each === undefined ? item : each(item)));
    },
  }),
} as typeof env;

/** A configuration that cannot be used: every fault at once, each naming its variable. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`the configuration has ${faults.length} fault(s):\n${faults.map((f) => `  ${f}`).join('\n')}`);
    this.faults = faults;
  }
}

/** What was given beside the environment, by the variable's name: it wins, and faults name it as `from`. */
export type Given = ReadonlyMap<string, { readonly raw: Raw; readonly from: string }>;

/**
 * Reads a schema from the environment and from what is `given` beside it. Throws a ConfigError that lists
 * every fault at once, after those that are known already.
 */
export function loadConfig<S extends Schema>(
  schema: S,
  source: Readonly<Record<string, string | undefined>> = process.env,
  given: Given = new Map(),
  known: readonly string[] = [],
): ConfigOf<S> {
  const faults = [...known];
  const config: Record<string, unknown> = {};
  for (const [key, variable] of Object.entries(schema)) {
    const { raw, from } = given.get(variable.name) ?? { raw: source[variable.name], from: variable.name };
    try {
      config[key] = variable.read(raw === '' ? undefined : raw);
    } catch (error) {
      const shown = raw === undefined || raw === '' || variable.secret ? '' : ` (${JSON.stringify(raw)})`;
      faults.push(`${from} ${(error as Error).message}${shown}`);
    }
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return config as ConfigOf<S>;
}

/** The configuration as `NAME=value` lines, sorted, with secrets masked. */
export function describeConfig<S extends Schema>(schema: S, config: ConfigOf<S>): string {
  return Object.entries(schema)
    .map(([key, { name, secret }]) => {
      const value = config[key as keyof S];
      if (value === undefined) return `${name} is not set`;
      return `${name}=${secret ? '***' : String(value)}`;
    })
    .sort()
    .join('\n');
}

/**
 * What a process does first: reads the environment, or says on stderr what is wrong with it and
 * exits 78 (EX_CONFIG). With `--print-config` it prints the configuration, secrets masked, and exits 0.
 */
export function configure<S extends Schema>(schema: S, argv: readonly string[] = process.argv): ConfigOf<S> {
  try {
    const config = loadConfig(schema);
    if (!argv.includes('--print-config')) return config;
    process.stdout.write(`${describeConfig(schema, config)}\n`);
    process.exit(0);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(78);
  }
}

interface AnyOptions extends Told {
  readonly default?: unknown;
  readonly optional?: boolean;
  readonly kind?: Reader<unknown>['kind'];
}

function within(value: number, { min = -Infinity, max = Infinity }: Range = {}): number {
  if (value < min) throw new Error(`is below ${min}`);
  if (value > max) throw new Error(`is above ${max}`);
  return value;
}

function reader<T>(
  name: string,
  options: AnyOptions | undefined,
  parse: (raw: string) => T,
): Reader<unknown> {
  return {
    name,
    secret: options?.secret ?? false,
    flag: options?.flag ?? name.toLowerCase().replaceAll('_', '-'),
    kind: options?.kind ?? 'value',
    about: options?.about ?? '',
    form: options?.form ?? '',
    preset: options?.default,
    read(raw) {
      if (raw !== undefined) return parse(String(raw));
      if (options?.default === undefined && !options?.optional) throw new Error('is not set');
      return options.default;
    },
  };
}
