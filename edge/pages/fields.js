// @ts-check
import { freshId, h } from './dom.js';
import { prose } from './prose.js';
import { typeText } from './schema.js';

/** @import { Api, Parameter } from './api.js' */

/**
 * A field of a form for one parameter.
 * @typedef {{ parameter: Parameter, element: HTMLElement, values: () => string[], check: () => boolean }} Field
 */

/**
 * @param {Api} api
 * @param {Parameter} parameter
 * @returns {Field}
 */
export function parameterField(api, parameter) {
  const id = freshId();
  const schema = api.resolve(parameter.schema);
  const isList = schema.type === 'array';
  const control = makeControl(api, parameter, id);
  const fault = h('p', { class: 'fault', id: `${id}-fault`, role: 'alert' });
  const element = h(
    'div',
    { class: 'field' },
    h(
      'label',
      { for: id },
      h('span', { class: parameter.deprecated ? 'name deprecated' : 'name' }, parameter.name),
      h('span', { class: 'type' }, typeText(api, parameter.schema)),
      parameter.required && h('span', { class: 'required' }, 'required'),
    ),
    control,
    h('div', { class: 'note', id: `${id}-note` }, ...prose(note(parameter, isList))),
    fault,
  );
  const values = () => {
    const text = control.value;
    if (text === '') return [];
    return isList ? text.split('\n').filter((line) => line !== '') : [text];
  };
  const mayBeEmpty = !parameter.required || parameter['x-multi-segment'] === true;
  return {
    parameter,
    element,
    values,
    check() {
      const isMissing = !mayBeEmpty && values().length === 0;
      control.setAttribute('aria-invalid', String(isMissing));
      fault.textContent = isMissing ? `${parameter.name} is required` : '';
      if (isMissing) control.focus();
      return !isMissing;
    },
  };
}

/**
 * @param {Parameter} parameter
 * @param {boolean} isList
 */
function note({ description }, isList) {
  return [description, isList && 'One value a line.'].filter(Boolean).join('\n\n');
}

/**
 * @param {Api} api
 * @param {Parameter} parameter
 * @param {string} id
 */
function makeControl(api, parameter, id) {
  const schema = api.resolve(parameter.schema);
  const examples = [parameter.example ?? ''].flat();
  const preset = examples
    .map((example) => (typeof example === 'string' ? example : JSON.stringify(example)))
    .join('\n');
  const attributes = { id, 'aria-describedby': `${id}-note ${id}-fault`, spellcheck: 'false' };
  const options = schema.type === 'boolean' ? ['true', 'false'] : schema.enum;
  if (options !== undefined) {
    const select = h('select', attributes, h('option', { value: '' }, '—'));
    for (const option of options) select.append(h('option', { value: String(option) }, String(option)));
    select.value = options.includes(preset) ? preset : '';
    return select;
  }
  if (schema.type === 'array') {
    const area = h('textarea', { ...attributes, rows: '2' });
    area.value = preset;
    return area;
  }
  const numeric = schema.type === 'integer' ? { inputmode: 'numeric' } : {};
  const input = h('input', { ...attributes, ...numeric, type: 'text', autocomplete: 'off' });
  input.value = preset;
  return input;
}
