// @ts-check
import { BodyError, requestMessages } from './message.js';

/** @import { Api, Operation } from './api.js' */
/** @import { Filled, HttpRequest } from './request.js' */

/** A line that goes on. */
const next = ' \\\n  ';

/**
 * Text as one word of a POSIX shell, where nothing in it means anything.
 * @param {string} text
 */
export function quoted(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/**
 * The request as a call of curl.
 * @param {HttpRequest} request
 * @param {boolean} isStream whether the answer is to be shown as it comes
 */
export function curlCommand({ method, url, headers, body, file, faithful }, isStream) {
  const flags = [isStream && '-N', !faithful && '--path-as-is'].filter((flag) => flag !== false);
  const words = [['curl', ...flags, '-X', method, quoted(url)].join(' ')];
  for (const [name, value] of headers) words.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (file !== undefined) words.push(`--data-binary ${quoted(`@${file.name}`)}`);
  else if (body !== undefined) words.push(`--data-raw ${quoted(body)}`);
  return words.join(next);
}

/**
 * The same call as one of grpcurl, with the message that the edge would make of the request. What cannot be
 * said so is a comment.
 * @param {Api} api
 * @param {Operation} operation
 * @param {Filled} filled
 */
export function grpcurlCommand(api, operation, filled) {
  const { protocol, hostname, port } = api.base;
  const isSecure = protocol === 'https:';
  let data;
  try {
    data = requestMessages(api, operation, filled)
      .map((message) => JSON.stringify(message))
      .join('\n');
  } catch (error) {
    if (error instanceof BodyError) return `# ${error.message.replaceAll('\n', ' ')}`;
    throw error;
  }
  return [
    isSecure ? 'grpcurl' : 'grpcurl -plaintext',
    ...(filled.token === '' ? [] : [`-H ${quoted(`authorization: Bearer ${filled.token}`)}`]),
    `-d ${quoted(data)}`,
    `${quoted(`${hostname}:${port || (isSecure ? 443 : 80)}`)} ${quoted(operation.is['x-grpc-method'])}`,
  ].join(next);
}
