import { setTimeout as delay } from 'node:timers/promises';
import { env } from '../config.ts';
import { implement } from '../server/implement.ts';
import { runService } from '../service.ts';
import { boundedMethods, boundedService } from './bounded-methods.ts';
import { echoDefinition, type JsonValue } from './echo.ts';

/**
 * A service that can do PERMITS calls at once, each WORK_MS long; more of them wait inside it, first come
 * first served, without bound and whether or not their callers still do: what a pool of connections or a
 * lock is to a real one.
 */
await runService({
  name: 'echo',
  config: { permits: env.integer('PERMITS', { min: 1 }), workMs: env.integer('WORK_MS', { min: 1 }) },
  build: ({ config: { permits, workMs } }) => {
    const waiting: (() => void)[] = [];
    let free = permits;
    const work = async (request: JsonValue): Promise<JsonValue> => {
      if (free > 0) free -= 1;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      await delay(workMs);
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
      return request;
    };
    const handlers = { undo: work, work, report: work };
    return { services: [implement(echoDefinition(boundedService, boundedMethods), handlers)] };
  },
});
