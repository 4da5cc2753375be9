import type { JSONWebKeySet } from 'jose';
import { HttpBody } from '@weft/proto/google/api/httpbody';
import { runOutsideCall } from '../call-context.ts';
import type { Mesh } from '../client/mesh.ts';
import type { Logger } from '../logger.ts';

const timeoutMs = 3_000;

/**
 * Fetches the signing keys from where TOKEN_KEYS says: an `https://` URL, or a method of the mesh that
 * answers a JWK Set (RFC 7517) as google.api.HttpBody, such as `shop.identity.v1.KeyService/GetKeySet`.
 * A failure is logged and thrown.
 */
export function tokenKeys(source: string, mesh: Mesh, logger: Logger): () => Promise<JSONWebKeySet> {
  const read = source.includes('://') ? () => fromUrl(source) : () => fromMesh(source, mesh);
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

async function fromUrl(url: string): Promise<unknown> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(timeoutMs), redirect: 'error' });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return answer.json();
}

function keySet(value: unknown): JSONWebKeySet {
  const { keys } = (value ?? {}) as { keys?: unknown };
  if (!Array.isArray(keys)) throw new Error('the answer is no JWK Set');
  return { keys };
}
