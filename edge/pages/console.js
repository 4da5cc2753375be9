// @ts-check
import { codeBlock, showAnswer } from './answer.js';
import { curlCommand, grpcurlCommand } from './commands.js';
import { byId, freshId, h } from './dom.js';
import { parameterField } from './fields.js';
import { httpRequest } from './request.js';

/** @import { Api, Operation } from './api.js' */
/** @import { Field } from './fields.js' */
/** @import { Filled, HttpRequest } from './request.js' */

/** The forms of a stream that can be shown as it comes. */
const streamTypes = ['application/x-ndjson', 'text/event-stream'];

/**
 * The form that calls an operation, its commands, and the answer.
 * @param {Api} api
 * @param {Operation} operation
 * @returns {HTMLElement}
 */
export function consoleView(api, operation) {
  const { is } = operation;
  const content = is.responses['200']?.content ?? {};
  const isStream = 'text/event-stream' in content;
  const fields = (is.parameters ?? []).map((parameter) => parameterField(api, parameter));
  const body = is.requestBody === undefined ? undefined : bodyEditor(operation);
  const accept = isStream ? streamChoice() : undefined;
  const token = byId('token', HTMLInputElement);

  /** @returns {Filled} */
  const filled = () => ({
    parameters: fields.map(({ parameter, values }) => ({ parameter, values: values() })),
    ...body?.value(),
    accept: accept?.value ?? ('application/json' in content ? 'application/json' : '*/*'),
    token: token.value.trim(),
  });
  const commands = commandsView(
    () => curlCommand(httpRequest(api, operation, filled()), isStream),
    () => grpcurlCommand(api, operation, filled()),
  );
  const answer = h('section', { class: 'answer', 'aria-label': 'Answer' });
  const send = h(
    'button',
    { type: 'submit', class: 'primary', 'aria-keyshortcuts': 'Control+Enter' },
    'Send',
  );
  const stop = h('button', { type: 'button', disabled: true }, 'Stop');
  let running = new AbortController();
  stop.addEventListener('click', () => running.abort());

  const run = async () => {
    if (!fields.every((field) => field.check())) return;
    running.abort();
    const own = (running = new AbortController());
    stop.disabled = false;
    answer.setAttribute('aria-busy', 'true');
    try {
      await call(httpRequest(api, operation, filled()), answer, isStream, own.signal);
    } catch (error) {
      const text = own.signal.aborted ? 'Stopped.' : `No answer: ${String(error)}`;
      answer.append(h('p', { class: own.signal.aborted ? 'note' : 'fault', role: 'alert' }, text));
    } finally {
      if (running === own) {
        stop.disabled = true;
        answer.removeAttribute('aria-busy');
      }
    }
  };
  const form = h(
    'form',
    { class: 'console', autocomplete: 'off', novalidate: true },
    fields.length > 0 && h('div', { class: 'fields' }, ...fields.map(({ element }) => element)),
    body?.element,
    accept && h('div', { class: 'field' }, h('label', { class: 'name', for: accept.id }, 'Accept'), accept),
    h('div', { class: 'actions' }, send, stop, h('span', { class: 'note' }, 'or Ctrl+Enter')),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void run();
  });
  form.addEventListener('keydown', ({ key, ctrlKey, metaKey }) => {
    if (key === 'Enter' && (ctrlKey || metaKey)) form.requestSubmit();
  });
  form.addEventListener('input', commands.update);
  const leave = new AbortController();
  token.addEventListener('input', commands.update, { signal: leave.signal });
  const element = h('div', {}, form, answer, commands.element);
  // What runs when the person goes on to another operation is of no more use.
  addEventListener('hashchange', () => (leave.abort(), running.abort()), { once: true });
  commands.update();
  return element;
}

/**
 * @param {HttpRequest} request
 * @param {HTMLElement} answer
 * @param {boolean} isStream
 * @param {AbortSignal} signal
 */
async function call({ method, url, headers, body, file, faithful }, answer, isStream, signal) {
  answer.replaceChildren(h('p', { class: 'note', role: 'status' }, 'Waiting…'));
  if (!faithful) throw new Error('a browser takes the segments . and .. out of a path; curl does not');
  if (new URL(url).origin !== location.origin)
    throw new Error('this page calls its own origin alone; curl has no such limit');
  const startedAt = performance.now();
  const response = await fetch(url, {
    method,
    headers,
    signal,
    credentials: 'omit',
    cache: 'no-store',
    ...((file ?? body) !== undefined && { body: file ?? body }),
  });
  await showAnswer(answer, response, isStream, startedAt);
}

function streamChoice() {
  const select = h('select', { id: freshId() });
  for (const type of streamTypes) select.append(h('option', { value: type }, type));
  return select;
}

/**
 * @param {Operation} operation
 * @returns {{ element: HTMLElement, value: () => Pick<Filled, 'body' | 'file' | 'contentType'> }}
 */
function bodyEditor({ is }) {
  const content = is.requestBody?.content ?? {};
  const [type = 'application/json', media] = Object.entries(content)[0] ?? [];
  const id = freshId();
  const area = h('textarea', { id, class: 'body', spellcheck: 'false' });
  area.value = media?.example === undefined ? '' : JSON.stringify(media.example, null, 2);
  area.rows = Math.min(24, Math.max(4, area.value.split('\n').length + 1));
  const label = h(
    'label',
    { for: id },
    h('span', { class: 'name' }, 'Body'),
    h('span', { class: 'type' }, type),
  );
  if (type !== '*/*')
    return {
      element: h('div', { class: 'field' }, label, area),
      value: () => (area.value.trim() === '' ? {} : { body: area.value, contentType: type }),
    };
  const typeInput = h('input', { id: freshId(), type: 'text', value: 'text/plain', autocomplete: 'off' });
  const fileInput = h('input', { id: freshId(), type: 'file' });
  return {
    element: h(
      'div',
      { class: 'fields' },
      h('div', { class: 'field' }, h('label', { for: typeInput.id }, 'Type of the body'), typeInput),
      h('div', { class: 'field' }, h('label', { for: fileInput.id }, 'A file'), fileInput),
      h('div', { class: 'field' }, h('label', { for: id }, 'or its text'), area),
    ),
    value() {
      const file = fileInput.files?.[0];
      const contentType = typeInput.value.trim();
      return file === undefined ? { body: area.value, contentType } : { file, contentType };
    },
  };
}

/**
 * The call as commands, which follow what is filled in.
 * @param {() => string} curl
 * @param {() => string} grpcurl
 */
function commandsView(curl, grpcurl) {
  const blocks = Object.entries({ curl, grpcurl }).map(([name, text]) => {
    return { name, text, block: codeBlock('', `As ${name}`, `Copy as ${name}`) };
  });
  const element = h(
    'section',
    { class: 'commands', 'aria-label': 'Commands' },
    ...blocks.flatMap(({ name, block }) => [h('h3', {}, name), block]),
  );
  const update = () => {
    for (const { text, block } of blocks) block.querySelector('pre')?.replaceChildren(text());
  };
  return { element, update };
}
