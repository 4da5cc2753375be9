import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Drift } from '@weft/proto/weft/v1/saga_operations';
import { table } from '../table.ts';
import { Auditor, settledAfterMs, type AuditState, type Round } from './auditor.ts';
import { json, say } from './output.ts';
import { durationMs, UsageError, type Values } from './options.ts';
import type { SagaServices } from './services.ts';

/** Between two looks at what seems wrong. */
const pauseMs = 2_000;
/** Of each service's books in a round of many. */
const bookPages = 5;
/** What changes from look to look is on its way, not wrong. */
const mostLooks = 5;

/** `weft saga audit`: exits 1 when the services do not agree at the end. */
export async function audit(services: SagaServices, values: Values): Promise<number> {
  if (values.service !== undefined) throw new UsageError('audit compares services: not with --service');
  const everyMs = durationMs('every', values.every ?? '10s');
  if (everyMs < pauseMs) throw new UsageError(`--every is less than ${pauseMs / 1000} s`);
  const sinceMs = values.since === undefined ? 0 : Date.now() - durationMs('since', values.since);
  const following = values.follow === true;
  const auditor = new Auditor(services.all, {
    sinceMs,
    state: resumed(values.resume),
    ...(following ? { bookPages } : {}),
  });
  const round = await (following ? follow(auditor, values, everyMs) : once(auditor, values));
  return round.drifts.length > 0 ? 1 : 0;
}

async function once(auditor: Auditor, values: Values): Promise<Round> {
  let round = await auditor.round();
  let judged = round.judged;
  for (let looks = 1; round.suspected > 0 && looks < mostLooks; looks++) {
    await sleep(pauseMs);
    round = await auditor.round();
    judged += round.judged;
  }
  save(values.resume, auditor.state);
  const { drifts, inFlight, suspected, parked } = round;
  if (values.json === true) {
    say(`${json({ drifts, judged, inFlight: inFlight + suspected, parked })}\n`);
    return round;
  }
  if (drifts.length > 0) say(`${driftTable(drifts)}\n`);
  say(`${judged} sagas judged (what changed in the last ${settledAfterMs / 1000} s is left out), `);
  say(`${inFlight + suspected} on their way, ${parked} messages parked: `);
  say(drifts.length === 0 ? 'the services agree\n' : `${drifts.length} do not agree\n`);
  return round;
}

/** Tells what appears and what is mended, until SIGINT or SIGTERM. A service that is away is waited for. */
async function follow(auditor: Auditor, values: Values, everyMs: number): Promise<Round> {
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  let known = new Map<string, Drift>();
  let last: Round = { drifts: [], judged: 0, inFlight: 0, suspected: 0, parked: 0 };
  const tell = (what: 'drift' | 'mended', drift: Drift) => {
    const { check, key, expected, found } = drift;
    const time = new Date().toISOString();
    if (values.json === true) say(`${json({ time, what, ...drift })}\n`);
    else say(`${time} ${what}: ${check} ${key}: expected ${expected}, found ${found}\n`);
  };
  while (!stopping.signal.aborted) {
    try {
      last = await auditor.round();
      const now = new Map(last.drifts.map((drift) => [json(drift), drift]));
      for (const [id, drift] of now) if (!known.has(id)) tell('drift', drift);
      for (const [id, drift] of known) if (!now.has(id)) tell('mended', drift);
      known = now;
      save(values.resume, auditor.state);
      if (values.json === true) {
        const { judged, inFlight, suspected, parked } = last;
        say(
          `${json({ time: new Date().toISOString(), what: 'round', drifts: known.size, judged, inFlight, suspected, parked })}\n`,
        );
      }
    } catch (error) {
      process.stderr.write(`${(error as Error).message}: the next round goes on from here\n`);
    }
    const waitMs = last.suspected > 0 ? pauseMs : everyMs;
    await sleep(waitMs, undefined, { signal: stopping.signal }).catch(() => undefined);
  }
  return last;
}

/** Drift as a table. */
export function driftTable(drifts: readonly Drift[]): string {
  return table([
    ['CHECK', 'OF', 'EXPECTED', 'FOUND'],
    ...drifts.map(({ check, key, expected, found }) => [check, key, expected, found]),
  ]);
}

function resumed(file: string | undefined): AuditState | undefined {
  if (file === undefined || !existsSync(file)) return undefined;
  const { cursors, open } = JSON.parse(readFileSync(file, 'utf8')) as Partial<AuditState>;
  if (typeof cursors !== 'object' || !Array.isArray(open))
    throw new UsageError(`${file} was not written by an audit`);
  return { cursors, open };
}

/** Written beside it and renamed, so that the file is whole whatever dies. */
function save(file: string | undefined, state: AuditState): void {
  if (file === undefined) return;
  writeFileSync(`${file}.next`, `${JSON.stringify(state)}\n`);
  renameSync(`${file}.next`, file);
}
