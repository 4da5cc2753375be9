// @ts-check

/** @typedef {Node | string | undefined | false} Child */

/**
 * Makes an element. Text is always text: nothing is ever parsed as HTML.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | boolean | undefined | ((event: Event) => void)>} [attributes] a boolean sets
 *   or leaves out an attribute, a function listens to the event of that name
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, '');
    else if (typeof value === 'string') element.setAttribute(name, value);
  }
  for (const child of children) if (child !== undefined && child !== false) element.append(child);
  return element;
}

/**
 * The element of docs.html with this id.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`docs.html has no #${id}`);
  return element;
}

let lastId = 0;

/** An id for a label or a description to refer to. */
export function freshId() {
  return `f${++lastId}`;
}

/**
 * A button that copies the text of an element, and says so. Without the clipboard (it needs HTTPS or
 * localhost) the text is selected.
 * @param {HTMLElement} source
 * @param {string} label
 */
export function copyButton(source, label) {
  const button = h('button', { type: 'button', class: 'copy' }, label);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(source.textContent ?? '');
      button.textContent = 'Copied';
    } catch {
      getSelection()?.selectAllChildren(source);
      button.textContent = 'Selected: press Ctrl+C';
    }
    button.addEventListener('blur', () => (button.textContent = label), { once: true });
  };
  button.addEventListener('click', () => void copy());
  return button;
}
