// @ts-check
import { h } from './dom.js';

/**
 * A comment of a contract as paragraphs, lists and `code`.
 * @param {string | undefined} text
 * @returns {HTMLElement[]}
 */
export function prose(text) {
  const blocks = (text ?? '').split(/\n{2,}/).filter((block) => block.trim() !== '');
  return blocks.map((block) => {
    const lines = block.split('\n');
    if (lines.every((line) => /^\s*([-*]\s|\s)/.test(line)) && /^\s*[-*]\s/.test(block)) {
      const items = block.split(/\n?^\s*[-*]\s+/m).filter((item) => item.trim() !== '');
      return h('ul', {}, ...items.map((item) => h('li', {}, ...inline(item))));
    }
    return h('p', {}, ...inline(block));
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
