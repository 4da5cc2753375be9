import { setTimeout as delay } from 'node:timers/promises';
import { ServiceError } from '@weft/chassis/errors';
import { loadContract } from '@weft/chassis/load-contract';
import { createEdge } from '../../edge.ts';
import type { Limits } from '../../limits.ts';
import { fuzzLimits } from './fuzz-limits.ts';
import { playedUpstream } from './upstream.ts';

/** What this process holds once garbage is collected. */
export interface Held {
  readonly heapBytes: number;
  readonly residentBytes: number;
  /** Sockets, timers and requests that are open. */
  readonly resources: number;
}

/** What it is started with. */
export interface Start {
  readonly descriptors: Uint8Array;
  readonly limits: Partial<Limits>;
}

// An edge as a process of its own: it crashes by itself, and its memory is only its own. It answers its port
// once it has got a contract, and what it holds whenever it is asked. Whatever nobody catches ends it.
process.once('message', (start: Start) => {
  void serve(start);
});

async function serve({ descriptors, limits }: Start): Promise<void> {
  const contract = loadContract(Buffer.from(descriptors));
  const edge = createEdge({
    contract,
    mesh: playedUpstream(contract),
    limits: { ...fuzzLimits, ...limits },
    corsOrigins: ['https://app.test'],
    tokens: {
      async verify(token) {
        if (token === 'user' || token === 'librarian')
          return { id: token, roles: [token], expiresAtMs: Infinity };
        throw new ServiceError('UNAUTHENTICATED', 'TOKEN_INVALID', 'the access token is not valid');
      },
    },
  });
  const port = await edge.listen('127.0.0.1', 0);
  process.on('message', () => void report());
  process.on('disconnect', () => process.exit(0));
  process.send?.(port);
}

async function report(): Promise<void> {
  // What the last connections left behind is finished off in the next turns.
  await delay(100);
  for (let round = 0; round < 3; round++) globalThis.gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  const resources = process.getActiveResourcesInfo().length;
  process.send?.({ heapBytes: heapUsed, residentBytes: rss, resources } satisfies Held);
}
