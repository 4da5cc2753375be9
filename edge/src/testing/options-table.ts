import type { Reader } from '@weft/chassis/config';
import { sections } from '../config.ts';

/** The rows of the README's table of options, as the schema of variables has them. */
export function optionRows(): string[] {
  return Object.values(sections).flatMap((schema) =>
    Object.values(schema as Record<string, Reader<unknown>>).map(
      ({ flag, name, kind, preset, about, secret }) =>
        `| ${secret ? '' : `\`--${flag}\`${kind === 'list' ? ' …' : ''}`} | \`${name}\` | ${presetText(preset)} | ${about.replaceAll('|', '\\|')} |`,
    ),
  );
}

function presetText(preset: unknown): string {
  if (typeof preset !== 'string' && typeof preset !== 'number' && typeof preset !== 'boolean') return '';
  return /^([0-9a-f]{8}-[0-9a-f-]{27})?$/.test(String(preset)) ? '' : String(preset);
}
