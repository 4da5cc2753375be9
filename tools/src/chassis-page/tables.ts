import { entryPoints, exportsOf } from './surface.ts';

const marks = /(<!-- entry:([\w/-]+) -->\n)[\s\S]*?(<!-- \/entry -->)/g;

/** The entry points that the page shows, in its order: those that a service may use. */
export function entriesIn(page: string): readonly string[] {
  return [...page.matchAll(marks)].map(([, , entry = '']) => entry);
}

/**
 * `page` with the table of each entry point's exports put between its `<!-- entry:name -->` marks, and the
 * list of the others between `<!-- internal -->`.
 */
export function withExportTables(page: string, root: string): string {
  const shown = new Set(entriesIn(page));
  const others = entryPoints(root).filter((entry) => !shown.has(entry));
  return page
    .replace(
      marks,
      (_, open: string, entry: string, close: string) => `${open}\n${table(root, entry)}\n${close}`,
    )
    .replace(
      /(<!-- internal -->\n)[\s\S]*?(<!-- \/internal -->)/,
      (_, open: string, close: string) =>
        `${open}\n${others.map((entry) => `\`${entry}\``).join(', ')}\n\n${close}`,
    );
}

function table(root: string, entry: string): string {
  const rows = exportsOf(root, entry).map(({ name, doc }) => `| \`${name}\` | ${cell(firstSentence(doc))} |`);
  return ['| Export | What it is |', '| --- | --- |', ...rows, ''].join('\n');
}

function firstSentence(doc: string): string {
  return /^.*?[.:](?= [A-Z@]|$)/.exec(doc)?.[0].replace(/:$/, '.') ?? doc;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
