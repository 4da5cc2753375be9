/** A part of a document that is run: commands, or a change of files. */
export interface Block {
  readonly language: 'sh' | 'diff';
  readonly text: string;
}

/** The fenced blocks of commands and changes in a document, in their order, up to the heading `until`. */
export function blocksOf(markdown: string, until: string): readonly Block[] {
  const end = markdown.indexOf(`\n## ${until}\n`);
  if (end < 0) throw new Error(`no section ${until}`);
  const fences = markdown.slice(0, end).matchAll(/^```(sh|diff)\n([\s\S]*?)^```$/gm);
  return [...fences].map(([, language, text = '']) => ({ language: language as Block['language'], text }));
}

/** One script that does what the blocks say. */
export function scriptOf(blocks: readonly Block[]): string {
  return blocks
    .map(({ language, text }) => (language === 'sh' ? text : `git apply <<'CHANGE'\n${text}CHANGE\n`))
    .join('\n');
}
