import { setTimeout as delay } from 'node:timers/promises';
import { implement } from '../server/implement.ts';
import { runService } from '../service.ts';
import { echoMethods, echoService } from './echo-methods.ts';
import { echoDefinition } from './echo.ts';

/** A whole service, run from its environment like any other: for tests that end processes. */
await runService({
  name: 'echo',
  build: ({ instanceId }) => {
    const slow = async (ms: unknown) => {
      await delay(Number(ms));
      return instanceId;
    };
    return {
      services: [
        implement(echoDefinition(echoService, echoMethods), {
          who: async () => instanceId,
          slow,
          slowRead: slow,
          async *ticks(_, { signal }) {
            for (let i = 0; !signal.aborted; i += 1) {
              yield i;
              await delay(10);
            }
          },
        }),
      ],
    };
  },
});
