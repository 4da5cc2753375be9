/** A process that follows the toys until it is killed, or dies where WEFT_FAILPOINTS says. */
import { open, toyFollower, toySource } from './toy-feed.test.support.ts';

const [source = '', copy = ''] = process.argv.slice(2);
toyFollower(open(copy), toySource(open(source)).watch).background.start();
setInterval(() => undefined, 60_000);
