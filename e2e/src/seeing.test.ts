import { afterAll, beforeAll } from '@jest/globals';
import { faults } from './seeing/faults.ts';
import { logs } from './seeing/logs.ts';
import { metrics } from './seeing/metrics.ts';
import { sagas } from './seeing/sagas.ts';
import { traces } from './seeing/traces.ts';
import { openWorld, type World } from './seeing/world.ts';

// What an operator sees of a running shop, and what they make go wrong: one shop for all of it.

let opened: World | undefined;
const world = (): World => {
  if (opened === undefined) throw new Error('the shop does not run');
  return opened;
};

beforeAll(async () => {
  opened = await openWorld();
}, 120_000);

afterAll(async () => {
  await opened?.stop();
}, 60_000);

traces(world);
logs(world);
faults(world);
metrics(world);
// Last: what it breaks by hand raises alarms.
sagas(world);
