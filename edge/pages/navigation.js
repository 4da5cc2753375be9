// @ts-check
import { byId, h } from './dom.js';

/** @import { Api, Operation } from './api.js' */

/**
 * The list of operations, by service, and the search that narrows it.
 * @param {Api} api
 */
export function navigation(api) {
  const search = byId('search', HTMLInputElement);
  const count = byId('count', HTMLElement);
  const links = api.operations.map((operation) => ({
    operation,
    text: searchText(operation),
    link: link(operation),
  }));
  const groups = [...Map.groupBy(links, ({ operation }) => operation.service)].map(([service, members]) => {
    const items = members.map(({ link: a }) => h('li', {}, a));
    const short = service.slice(service.lastIndexOf('.') + 1);
    const element = h('section', {}, h('h2', { title: service }, short), h('ul', {}, ...items));
    return { element, members };
  });
  byId('operations', HTMLElement).replaceChildren(...groups.map(({ element }) => element));

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/);
    let shown = 0;
    for (const { element, members } of groups) {
      for (const { link: a, text } of members) {
        const matches = words.every((word) => text.includes(word));
        if (a.parentElement) a.parentElement.hidden = !matches;
        if (matches) shown += 1;
      }
      element.hidden = members.every(({ link: a }) => a.parentElement?.hidden);
    }
    count.textContent = search.value === '' ? '' : shown === 1 ? '1 operation' : `${shown} operations`;
  };
  search.addEventListener('input', filter);
  filter();
  addEventListener('keydown', (event) => {
    const typing = event.target instanceof HTMLElement && event.target.matches('input, textarea, select');
    if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    search.focus();
  });
  byId('search', HTMLElement).closest('nav')?.addEventListener('keydown', moveByArrows);

  return {
    /** @param {string | undefined} id */
    select(id) {
      for (const { operation, link: a } of links) {
        if (operation.id === id) a.setAttribute('aria-current', 'page');
        else a.removeAttribute('aria-current');
      }
    },
  };
}

/**
 * From the search into the list, and from one operation to the next.
 * @param {KeyboardEvent} event
 */
function moveByArrows(event) {
  const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
  if (step === 0) return;
  event.preventDefault();
  const search = byId('search', HTMLElement);
  const list = byId('operations', HTMLElement).querySelectorAll('section:not([hidden]) li:not([hidden]) a');
  const stops = [search, .../** @type {Iterable<HTMLElement>} */ (list)];
  const at = stops.findIndex((stop) => stop === document.activeElement);
  stops[Math.min(stops.length - 1, Math.max(0, at + step))]?.focus();
}

/** @param {Operation} operation */
function link({ id, method, path, name, is }) {
  return h(
    'a',
    { href: `#/${encodeURIComponent(id)}`, title: path, class: is.deprecated ? 'deprecated' : undefined },
    h('span', { class: `method ${method.toLowerCase()}` }, method),
    h('span', { class: 'what' }, h('span', {}, name), h('span', { class: 'path' }, path)),
  );
}

/** @param {Operation} operation */
function searchText({ id, method, path, service, is }) {
  return [id, method, path, service, is.summary, is['x-grpc-method']].join(' ').toLowerCase();
}
