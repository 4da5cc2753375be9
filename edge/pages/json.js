// @ts-check
import { h } from './dom.js';

const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+|"/g;
/** Above this only the text is shown: colours cost an element for each token. */
const maxColoured = 200_000;

/**
 * JSON set out in lines, without touching a token: numbers stay as they were written, and so do members that
 * an object would lose. Text that is no JSON is returned as it is.
 * @param {string} text
 */
export function pretty(text) {
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  let depth = 0;
  let output = '';
  let before = '';
  for (const [part] of text.matchAll(token)) {
    const closes = part === '}' || part === ']';
    const opened = before === '{' || before === '[';
    if (closes) depth -= 1;
    if (closes ? !opened : opened || before === ',') output += `\n${'  '.repeat(depth)}`;
    output += part === ':' ? ': ' : part;
    if (part === '{' || part === '[') depth += 1;
    before = part;
  }
  return output;
}

/**
 * JSON in colours.
 * @param {string} text
 */
export function coloured(text) {
  const fragment = document.createDocumentFragment();
  if (text.length > maxColoured) {
    fragment.append(text);
    return fragment;
  }
  let end = 0;
  for (const match of text.matchAll(token)) {
    const [part] = match;
    const after = match.index + part.length;
    const kind = kindOf(part, text, after);
    if (kind === undefined) continue;
    fragment.append(text.slice(end, match.index), h('span', { class: kind }, part));
    end = after;
  }
  fragment.append(text.slice(end));
  return fragment;
}

/**
 * @param {string} part
 * @param {string} text
 * @param {number} after
 */
function kindOf(part, text, after) {
  if (part.startsWith('"')) return /^\s*:/.test(text.slice(after, after + 8)) ? 'key' : 'string';
  if (/^-?\d/.test(part)) return 'number';
  return /^(true|false|null)$/.test(part) ? 'word' : undefined;
}

/**
 * Reads JSON and keeps its numbers as they were written, where the browser can (JSON.rawJSON).
 * @param {string} text
 * @returns {unknown}
 */
export function parseExact(text) {
  const { rawJSON } = /** @type {{ rawJSON?: (text: string) => unknown }} */ (/** @type {unknown} */ (JSON));
  if (rawJSON === undefined) return JSON.parse(text);
  return JSON.parse(
    text,
    /** @type {(this: unknown, key: string, value: unknown, context?: { source?: string }) => unknown} */
    (_key, value, context) =>
      typeof value === 'number' && context?.source !== undefined ? rawJSON(context.source) : value,
  );
}
