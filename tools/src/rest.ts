/** What the edge answered. `body` is the parsed JSON, or undefined where there is none. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

export interface RestOptions {
  readonly token?: string | undefined;
  /** Sent as JSON; a text or bytes as they are. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: 15 s. */
  readonly timeoutMs?: number;
}

/** An answer that is not 2xx. */
export class RestError extends Error {
  override readonly name = 'RestError';
  readonly answer: Answer;

  constructor(method: string, path: string, answer: Answer) {
    super(`${method} ${path}: HTTP ${answer.status} ${JSON.stringify(answer.body)}`);
    this.answer = answer;
  }
}

/** Calls the edge, and returns the answer whatever it is. */
export async function ask(
  url: string,
  method: string,
  path: string,
  options: RestOptions = {},
): Promise<Answer> {
  const { token, body, headers, timeoutMs = 15_000 } = options;
  const response = await fetch(url + path, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: isRaw(body) ? body : JSON.stringify(body) }),
    signal: AbortSignal.timeout(timeoutMs),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true && text !== '';
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : undefined };
}

function isRaw(body: unknown): body is string | Uint8Array<ArrayBuffer> {
  return typeof body === 'string' || body instanceof Uint8Array;
}

/** The same, but throws a RestError if the answer is not 2xx, and returns its body. */
export async function call<T>(url: string, method: string, path: string, options?: RestOptions): Promise<T> {
  const answer = await ask(url, method, path, options);
  if (answer.status < 200 || answer.status > 299) throw new RestError(method, path, answer);
  return answer.body as T;
}
