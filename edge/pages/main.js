// @ts-check
import { Api } from './api.js';
import { byId, h } from './dom.js';
import { navigation } from './navigation.js';
import { operationView } from './operation.js';
import { prose } from './prose.js';

const main = byId('operation', HTMLElement);

/** @param {Api} api */
function start(api) {
  const { title, version } = api.document.info;
  byId('title', HTMLElement).textContent = title;
  byId('version', HTMLElement).textContent = version;
  byId('version', HTMLElement).hidden = false;
  const list = navigation(api);
  const show = () => {
    const id = location.hash.startsWith('#/') ? decoded(location.hash.slice(2)) : undefined;
    // The link that skips to the operation changes nothing.
    if (id === undefined && location.hash !== '') return;
    const operation = api.operations.find((candidate) => candidate.id === id);
    list.select(operation?.id);
    document.title = operation === undefined ? title : `${operation.name} · ${title}`;
    main.replaceChildren(...(operation === undefined ? overview(api) : operationView(api, operation)));
    main.scrollTop = 0;
    // On a narrow screen the list is above it.
    if (operation !== undefined) main.scrollIntoView();
    if (operation !== undefined) main.focus({ preventScroll: true });
  };
  addEventListener('hashchange', show);
  byId('authorization', HTMLFormElement).addEventListener('submit', (event) => event.preventDefault());
  show();
}

/** @param {Api} api */
function overview(api) {
  const { info, tags } = api.document;
  const services = tags.map(({ name, description }) => {
    const first = api.operations.find(({ service }) => service === name);
    const count = api.operations.filter(({ service }) => service === name).length;
    return h(
      'li',
      {},
      h('a', { href: `#/${encodeURIComponent(first?.id ?? '')}` }, name),
      h('span', { class: 'type' }, count === 1 ? '1 operation' : `${count} operations`),
      h('div', { class: 'note' }, ...prose(description)),
    );
  });
  return [h('h2', {}, info.title), h('ul', { class: 'services' }, ...services)];
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

try {
  start(await Api.load());
} catch (error) {
  main.replaceChildren(
    h('p', { class: 'fault', role: 'alert' }, `This page cannot be shown: ${String(error)}`),
  );
  throw error;
}
