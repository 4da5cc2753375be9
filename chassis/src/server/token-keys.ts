import type { JSONWebKeySet } from 'jose';
import { HttpBody } from '@weft/proto/google/api/httpbody';
import { runOutsideCall } from '../call-context.ts';
import type { Mesh } from '../client/mesh.ts';
import type { Logger } from '../logger.ts';

const timeoutMs = 3_000;
/** Far more than a set of keys ever takes. */
const maxBytes = 256 * 1024;

/**
 * Fetches the signing keys from where TOKEN_KEYS says: an `https://` URL (`http://` on this machine alone,
 * since whoever can change the answer can sign tokens), or a method of the mesh that answers a JWK Set
 * (RFC 7517) as google.api.HttpBody, such as `shop.identity.v1.KeyService/GetKeySet`.
 *
 * A source that can never do is thrown at once. An answer is refused when it is a redirect, takes longer
 * than 3 s, or is larger than 256 KiB; every failure is logged and rejects.
 */
export function tokenKeys(source: string, mesh: Mesh, logger: Logger): () => Promise<JSONWebKeySet> {
  const isUrl = source.includes('://');
  if (isUrl && !isTrustworthy(source))
    throw new Error('is neither an https URL nor a method, as in pkg.Service/Method');
  const read = isUrl ? () => fromUrl(source) : () => fromMesh(source, mesh);
  return async () => {
    try {
      return keySet(await read());
    } catch (error) {
      logger.warn({ err: error, source }, 'the token keys could not be fetched');
      throw error;
    }
  };
}

/** Outside of the call that needs the keys: its token is what is not verified yet. */
async function fromMesh(method: string, mesh: Mesh): Promise<unknown> {
  const request = new Uint8Array();
  const { message } = await runOutsideCall(() => mesh.unary(`/${method}`, request, { timeoutMs }));
  return JSON.parse(Buffer.from(HttpBody.decode(message).data).toString('utf8'));
}

function isTrustworthy(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || (protocol === 'http:' && /^(127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname));
}

async function fromUrl(url: string): Promise<unknown> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(timeoutMs), redirect: 'error' });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop cancels what is still to come.
  for await (const chunk of answer.body ?? []) {
    length += chunk.length;
    if (length > maxBytes) throw new Error(`${url} answered more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks, length).toString('utf8'));
}

function keySet(value: unknown): JSONWebKeySet {
  const { keys } = (value ?? {}) as { keys?: unknown };
  if (!Array.isArray(keys)) throw new Error('the answer is no JWK Set');
  return { keys };
}
