// @ts-check
import { copyButton, h } from './dom.js';
import { coloured, pretty } from './json.js';
import { messages } from './stream.js';

/** Older messages of a long stream are taken off the page. */
const maxMessages = 500;

/**
 * Shows an answer as it arrives.
 * @param {HTMLElement} place emptied first
 * @param {Response} response
 * @param {boolean} isStream
 * @param {number} startedAt when the request was sent, by performance.now()
 */
export async function showAnswer(place, response, isStream, startedAt) {
  const status = h('span', { class: `status s${String(response.status)[0]}` }, statusText(response));
  const facts = h('span', { class: 'facts' }, `headers after ${elapsed(startedAt)}`);
  place.replaceChildren(h('p', { class: 'outcome', role: 'status' }, status, facts), headersView(response));
  const streamed = isStream && response.ok;
  if (streamed) await showStream(place, response, facts, startedAt);
  else await showBody(place, response, facts, startedAt);
}

/**
 * @param {HTMLElement} place
 * @param {Response} response
 * @param {HTMLElement} facts
 * @param {number} startedAt
 */
async function showBody(place, response, facts, startedAt) {
  const bytes = await response.blob();
  facts.textContent = `${elapsed(startedAt)} · ${size(bytes.size)}`;
  const type = response.headers.get('content-type') ?? '';
  if (bytes.size === 0) return;
  if (/json|^text\//.test(type)) {
    const text = await bytes.text();
    place.append(codeBlock(/json/.test(type) ? coloured(pretty(text)) : text, 'Body of the answer'));
  } else {
    // Never shown in this origin: whatever it is, it is saved.
    const url = URL.createObjectURL(new Blob([bytes], { type: 'application/octet-stream' }));
    place.append(h('p', {}, h('a', { href: url, download: 'answer' }, `Save ${type || 'the body'}`)));
  }
}

/**
 * @param {HTMLElement} place
 * @param {Response} response
 * @param {HTMLElement} facts
 * @param {number} startedAt
 */
async function showStream(place, response, facts, startedAt) {
  const list = h('ol', { class: 'messages', 'aria-label': 'Messages', tabindex: '0' });
  place.append(list);
  let count = 0;
  for await (const { text, failed } of messages(response)) {
    count += 1;
    const time = h('span', { class: 'time' }, elapsed(startedAt));
    list.append(h('li', { class: failed ? 'failed' : '' }, time, h('code', {}, coloured(text))));
    if (list.childElementCount > maxMessages) list.firstElementChild?.remove();
    facts.textContent = `${count} ${count === 1 ? 'message' : 'messages'} · ${elapsed(startedAt)}`;
    list.scrollTop = list.scrollHeight;
  }
  facts.textContent = `${count} ${count === 1 ? 'message' : 'messages'} · ended after ${elapsed(startedAt)}`;
}

/**
 * A text with a button that copies it.
 * @param {Node | string} text
 * @param {string} label
 * @param {string} [action] what the button says
 */
export function codeBlock(text, label, action = 'Copy') {
  const code = h('pre', { tabindex: '0', role: 'region', 'aria-label': label }, text);
  return h('div', { class: 'code' }, code, copyButton(code, action));
}

/** @param {Response} response */
function headersView(response) {
  const lines = [...response.headers].map(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]);
  return h(
    'details',
    { class: 'headers' },
    h('summary', {}, lines.length === 1 ? '1 header' : `${lines.length} headers`),
    h('dl', {}, ...lines.flat()),
  );
}

/** @param {Response} response */
function statusText({ status, statusText: text }) {
  return text === '' ? String(status) : `${status} ${text}`;
}

/** @param {number} startedAt */
function elapsed(startedAt) {
  const ms = performance.now() - startedAt;
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** @param {number} bytes */
function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
