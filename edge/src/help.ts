import { createRequire } from 'node:module';
import type { Reader } from '@weft/chassis/config';
import { sections } from './config.ts';
import { commands } from './flags.ts';

/** Of this package. */
export function version(): string {
  const { version: text } = createRequire(import.meta.url)('@weft/edge/package.json') as { version: string };
  return text;
}

const examples = `
  weft-edge --descriptors api.binpb --upstream acme.v1.Library=static:127.0.0.1:9000
  weft-edge --reflect static:127.0.0.1:9000
  weft-edge --registry etcd://127.0.0.1:2379
  weft-edge --descriptors api.binpb --print-routes`;

/** What --help prints: all that the schema of variables has, with its defaults. */
export function help(): string {
  const groups = Object.entries(sections).map(([title, schema]) =>
    [`${title}:`, ...Object.values(schema as Record<string, Reader<unknown>>).map(line)].join('\n'),
  );
  const asked = Object.entries(commands).map(([name, about]) => entry(`--${name}`, about));
  return `@weft/edge ${version()}: REST, Connect, gRPC-Web and gRPC on one port, in front of any gRPC service
${examples}

An upstream is static:host:port[|host:port] or dns:host:port. Every flag is an environment variable too,
named in brackets; a flag wins. Lists are given flag by flag, or with commas in the variable. Times are
milliseconds, or have their unit: 500ms, 30s, 5m.

Instead of serving:
${asked.join('\n')}

${groups.join('\n\n')}
`;
}

function line({ flag, form, about, name, kind, preset, secret }: Reader<unknown>): string {
  if (secret) return entry(`[${name}]`, `${about}; a variable alone`);
  const value = kind === 'switch' ? `--[no-]${flag}` : `--${flag} <${form}>`;
  return entry(value, `${about}${kind === 'list' ? '; may be repeated' : ''} [${name}${presetText(preset)}]`);
}

/** Defaults that are another at each start, and empty ones, say nothing. */
function presetText(preset: unknown): string {
  const scalar = typeof preset === 'string' || typeof preset === 'number' || typeof preset === 'boolean';
  const text = Array.isArray(preset) || scalar ? String(preset) : '';
  return text === '' || /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(text) ? '' : `=${text}`;
}

const column = 34;

function entry(left: string, right: string): string {
  return left.length + 4 > column
    ? `  ${left}\n${' '.repeat(column)}${right}`
    : `  ${left.padEnd(column - 2)}${right}`;
}
