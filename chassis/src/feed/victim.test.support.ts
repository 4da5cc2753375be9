/**
 * A process that follows the toys until it is killed, or kills itself at its second batch: `before` its commit,
 * with all of its statements done, or `after` it.
 */
import { open, toyFollower, toySource } from './toy-feed.test.support.ts';

const [source = '', copy = '', where = ''] = process.argv.slice(2);
const { watch } = toySource(open(source));
let batches = 0;
const dieAtSecond = () => {
  if (batches === 2) process.kill(process.pid, 'SIGKILL');
};
const follower = toyFollower(
  open(copy),
  async function* (after, signal) {
    for await (const batch of watch(after, signal)) {
      if (batch.entries.length > 0) batches += 1;
      yield batch;
      if (where === 'after') dieAtSecond();
    }
  },
  { onApplied: () => where === 'before' && dieAtSecond() },
);
follower.background.start();
setInterval(() => undefined, 60_000);
