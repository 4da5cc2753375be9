// @ts-check
import { h } from './dom.js';

/**
 * A comment of a contract as paragraphs, lists and `code`.
 * @param {string | undefined} text
 * @returns {HTMLElement[]}
 */
export function prose(text) {
  const blocks = (text ?? '').split(/\n{2,}/).filter((block) => block.trim() !== '');
  return blocks.flatMap((block) => {
    const [lead = '', ...items] = block.split(/(?:^|\n)\s*[-*]\s+/);
    return [
      ...(lead.trim() === '' ? [] : [h('p', {}, ...inline(lead))]),
      ...(items.length === 0 ? [] : [h('ul', {}, ...items.map((item) => h('li', {}, ...inline(item))))]),
    ];
  });
}

/**
 * @param {string} text
 * @returns {(Node | string)[]}
 */
export function inline(text) {
  const parts = text.replaceAll('\n', ' ').split(/`([^`]+)`/);
  return parts.map((part, index) => (index % 2 === 1 ? h('code', {}, part) : part));
}
