import { measureCall } from './call/measure-call.ts';
import { measureCodec } from './edge/codec.ts';
import { measureEdge } from './edge/measure-edge.ts';
import { measureRouter } from './edge/router.ts';
import { measureSaga } from './saga/measure-saga.ts';
import { measureSystem } from './system/measure-system.ts';
import { measureTracing } from './system/tracing-cost.ts';

// Prints figures of this machine; asserts nothing of them. Needs /proc, so Linux.

const parts = {
  router: measureRouter,
  codec: measureCodec,
  edge: measureEdge,
  call: measureCall,
  system: measureSystem,
  saga: measureSaga,
  tracing: measureTracing,
};
const say = (text: string): void => void process.stdout.write(`${text}\n`);

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !Object.hasOwn(parts, name));
if (unknown.length > 0) {
  process.stderr.write(`there is no part ${unknown.join(', ')}: ${Object.keys(parts).join(', ')}\n`);
  process.exit(1);
}
for (const [name, measure] of Object.entries(parts))
  if (wanted.length === 0 || wanted.includes(name)) await measure(say);
