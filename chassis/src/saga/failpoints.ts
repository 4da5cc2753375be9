/**
 * The places where a crash matters, on both sides of a commit, a send and an acknowledgement:
 *
 * - `commit.before`: in the transaction, all of its statements done
 * - `commit.after`: committed, nothing sent and not answered yet
 * - `send.before`, `send.after`: around a message's delivery by the relay
 * - `ack.before`, `ack.after`: around the deletion of delivered rows
 * - `claim.after`: rows claimed by the poller, none sent
 * - `follow.before`, `follow.after`: around the commit of a batch of changes in a followed feed
 */
export type Failpoint =
  | 'commit.before'
  | 'commit.after'
  | 'send.before'
  | 'send.after'
  | 'ack.before'
  | 'ack.after'
  | 'claim.after'
  | 'follow.before'
  | 'follow.after';

type Action = () => void | Promise<void>;

const armed = new Map<Failpoint, Action>();
const enabled = process.env['WEFT_FAILPOINTS'] !== undefined;
if (enabled) armFromEnvironment(process.env['WEFT_FAILPOINTS'] ?? '');

/**
 * Runs what a test has armed for this point: it may throw, wait, or end the process. Nothing can be armed,
 * and this does nothing, unless WEFT_FAILPOINTS was set when the process started.
 */
export function failpoint(name: Failpoint): void | Promise<void> {
  if (enabled) return armed.get(name)?.();
}

/** Arms a point; answers how to disarm it. Throws unless WEFT_FAILPOINTS was set when the process started. */
export function arm(name: Failpoint, action: Action): () => void {
  if (!enabled) throw new Error('failpoints need WEFT_FAILPOINTS in the environment');
  armed.set(name, action);
  return () => armed.delete(name);
}

/** `commit.after=crash@3,send.before=crash`: ends the process, as SIGKILL does, at the third and the first time. */
function armFromEnvironment(value: string): void {
  for (const [, name, nth = '1'] of value.matchAll(/([a-z]+\.[a-z]+)=crash(?:@(\d+))?/g)) {
    let left = Number(nth);
    arm(name as Failpoint, () => {
      if (--left === 0) process.kill(process.pid, 'SIGKILL');
    });
  }
}
