import { request } from 'node:http';
import { connect } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly bytes: Buffer;
  /** Of HTTP, after the body. */
  readonly trailers: Readonly<Record<string, string | undefined>>;
  /** The body as JSON, undefined when it is none. */
  readonly json: AnswerJson;
}

/** What tests look for in a body: whatever is there. */
interface AnswerJson {
  readonly error: { readonly status: string; readonly message: string; readonly details: readonly object[] };
  readonly id: string;
  readonly labels: { readonly mask: string };
  readonly metadata: Readonly<Record<string, string>>;
  readonly deadlineSeconds: number;
}

/** One request whose path is sent exactly as it is written, unlike fetch's. */
export function send(
  url: string,
  method: string,
  path: string,
  options: { readonly headers?: Record<string, string | string[]>; readonly body?: string | Uint8Array } = {},
): Promise<Answer> {
  const { hostname, port } = new URL(url);
  const { headers = {}, body } = options;
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const bytes = Buffer.concat(chunks);
        const text = bytes.toString('utf8');
        const { statusCode: status = 0, headers, trailers } = response;
        resolve({ status, headers, text, bytes, trailers, json: parse(text) });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** A JSON body with its content type. */
export function json(body: unknown, headers: Record<string, string> = {}) {
  return {
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
  };
}

/** Writes bytes to a new connection and returns what comes back until it is closed. */
export function raw(port: number, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString('latin1')));
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
  });
}

function parse(text: string): AnswerJson {
  try {
    return JSON.parse(text) as AnswerJson;
  } catch {
    return undefined as never;
  }
}
