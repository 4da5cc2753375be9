// @ts-check

/** @import { Api, Operation, Parameter } from './api.js' */

/**
 * What a person has filled in. `body` is the text of the editor, undefined where there is none to send.
 * @typedef {{
 *   parameters: { parameter: Parameter, values: string[] }[], body?: string, file?: File,
 *   contentType?: string, accept: string, token: string }} Filled
 * @typedef {{
 *   method: string, url: string, headers: [name: string, value: string][], body?: string, file?: File,
 *   faithful: boolean }} HttpRequest `faithful`: a browser sends the URL as it stands here
 */

/**
 * The HTTP request of an operation.
 * @param {Api} api
 * @param {Operation} operation
 * @param {Filled} filled
 * @returns {HttpRequest}
 */
export function httpRequest(api, operation, { parameters, body, file, contentType, accept, token }) {
  const path = operation.path.replace(/\{([^{}]*)\}/g, (_, name) => {
    const found = parameters.find(({ parameter }) => parameter.in === 'path' && parameter.name === name);
    return pathText(found?.values[0] ?? '', found?.parameter['x-multi-segment'] === true);
  });
  const query = parameters
    .filter(({ parameter }) => parameter.in === 'query')
    .flatMap(({ parameter, values }) => values.map((value) => [parameter.name, value].map(encode).join('=')))
    .join('&');
  const base = api.base.href.replace(/[?#].*$/s, '').replace(/\/$/, '');
  const hasBody = body !== undefined || file !== undefined;
  /** @type {[string, string][]} */
  const headers = [['accept', accept]];
  if (hasBody && contentType) headers.push(['content-type', contentType]);
  if (token !== '') headers.push(['authorization', `Bearer ${token}`]);
  for (const { parameter, values } of parameters)
    if (parameter.in === 'header')
      for (const value of values) headers.push([parameter.name.toLowerCase(), value]);
  return {
    method: operation.method,
    url: `${base}${path}${query === '' ? '' : `?${query}`}`,
    headers,
    ...(body !== undefined && { body }),
    ...(file !== undefined && { file }),
    // The URL standard takes these segments away, encoded or not, before anything is sent.
    faithful: !path.split('/').some((segment) => segment === '.' || segment === '..'),
  };
}

/**
 * @param {string} text
 * @param {boolean} multi
 */
function pathText(text, multi) {
  return multi ? text.split('/').map(encode).join('/') : encode(text);
}

/** @param {string} text */
function encode(text) {
  return encodeURIComponent(text.toWellFormed());
}
