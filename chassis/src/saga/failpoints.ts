/**
 * The places where a crash matters, on both sides of a commit, a send and an acknowledgement:
 *
 * - `commit.before`: in the transaction, all of its statements done
 * - `commit.after`: committed, not answered yet
 * - `dispatch.before`: committed, what follows not sent yet
 * - `send.before`, `send.after`: around a message's delivery by the relay
 * - `ack.before`, `ack.after`: around the deletion of delivered rows
 * - `failure.before`, `failure.after`: around the record of a failed delivery
 * - `claim.before`, `claim.after`: rows claimed by the poller, before its commit; none sent
 * - `ask.before`, `ask.after`: the reconciler has steps to ask about; it has an answer
 * - `retention.before`, `retention.after`: around the deletion of old fences
 */
export type Failpoint =
  | `${'commit' | 'send' | 'ack' | 'failure' | 'claim' | 'ask' | 'retention'}.${'before' | 'after'}`
  | 'dispatch.before';

/** `what`: the method that the point is about, where it is about one. */
type Action = (what: string) => void | Promise<void>;

const armed = new Map<Failpoint, Action[]>();
const enabled = process.env['WEFT_FAILPOINTS'] !== undefined;
if (enabled) armFromEnvironment(process.env['WEFT_FAILPOINTS'] ?? '');

/**
 * Runs what a test has armed for this point: it may throw, wait, or end the process. Nothing can be armed,
 * and this does nothing, unless WEFT_FAILPOINTS was set when the process started.
 *
 * @param what The method it is about; where a service decides by itself, `abort` or `sweep`.
 */
export function failpoint(name: Failpoint, what = ''): void | Promise<void> {
  if (enabled) return run(armed.get(name) ?? [], what);
}

async function run(actions: readonly Action[], what: string): Promise<void> {
  for (const action of actions) await action(what);
}

/** Arms a point; answers how to disarm it. Throws unless WEFT_FAILPOINTS was set when the process started. */
export function arm(name: Failpoint, action: Action): () => void {
  if (!enabled) throw new Error('failpoints need WEFT_FAILPOINTS in the environment');
  const actions = [...(armed.get(name) ?? []), action];
  armed.set(name, actions);
  return () =>
    armed.set(
      name,
      actions.filter((each) => each !== action),
    );
}

/**
 * `commit.after=crash@3,send.before:/toy.Bank/Charge=stop`: ends the process as SIGKILL does at the third time,
 * freezes it as SIGSTOP does at the first time that it is about that method.
 */
function armFromEnvironment(value: string): void {
  for (const [, name, only, what, nth = '1'] of value.matchAll(
    /([a-z]+\.[a-z]+)(?::([^=,]+))?=(crash|stop)(?:@(\d+))?/g,
  )) {
    let left = Number(nth);
    arm(name as Failpoint, (about) => {
      if (only !== undefined && only !== about) return;
      if (--left === 0) process.kill(process.pid, what === 'stop' ? 'SIGSTOP' : 'SIGKILL');
    });
  }
}
