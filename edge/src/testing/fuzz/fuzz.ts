import { defaultLimits } from '../../limits.ts';
import { buildSchema } from '../../schema.ts';
import { testContract } from '../schema.ts';
import { readAnswer, type RawAnswer } from './answers.ts';
import { closing, InputError, pipelined } from './clients.ts';
import { brokenHttp1, brokenHttp2, http2Failures } from './framing.ts';
import { Random } from './random.ts';
import { Requests } from './requests.ts';
import { startEdge } from './start-edge.ts';

export interface FuzzOptions {
  readonly seed: number;
  /** The first input. Each follows from the seed and its number alone. */
  readonly from: number;
  readonly runs: number;
}

export interface FuzzResult {
  /** The first ones, each with how to send its input again. */
  readonly failures: readonly string[];
  /** One line for people. */
  readonly figures: string;
  /** How much the heap of the edge grew from the middle to the end. */
  readonly grownBytes: number;
  /** How many more sockets, timers and requests it had open at the end than in the middle. */
  readonly leftOpen: number;
}

const batch = 50;
const connections = 4;
const mostFailures = 5;
/** Of each batch: bytes that are sent on a connection of their own. */
const broken = { http1: 3, http2: 2 };

/**
 * Sends inputs to an edge of the test contract, in a process of its own: requests made from the contract, and
 * bytes that are no HTTP. An input fails when the edge answers 5xx (its upstream never does), not at all, or
 * in a body that is not what it says; when a connection stays open after its client has ended it; or when the
 * edge ends.
 */
export async function fuzz({ seed, from, runs }: FuzzOptions): Promise<FuzzResult> {
  const contract = testContract();
  const requests = new Requests(
    buildSchema(contract, { emitDefaults: true, pages: true, limits: defaultLimits, knowsUsers: true }),
  );
  const edge = await startEdge(contract.bytes);
  const statuses = new Map<number, number>();
  const failures: string[] = [];
  const startedAt = Date.now();
  const to = from + runs;

  const failed = (index: number, problem: unknown): void => {
    const again = `FUZZ_SEED=${seed} FUZZ_FROM=${index} FUZZ_RUNS=1`;
    failures.push(
      `${problem instanceof Error ? problem.message : String(problem)} (${again}): ${shown(index)}`,
    );
  };
  const isBroken = (index: number): 'http1' | 'http2' | undefined => {
    const place = index % batch;
    if (place < broken.http1) return 'http1';
    return place < broken.http1 + broken.http2 ? 'http2' : undefined;
  };
  const make = (index: number): Buffer => {
    const random = new Random(seed, index);
    if (isBroken(index) === 'http1') return brokenHttp1(random);
    if (isBroken(index) === 'http2') return brokenHttp2(random);
    return requests.make(random).bytes;
  };
  const shown = (index: number): string => JSON.stringify(make(index).toString('latin1').slice(0, 2_000));

  async function sendBroken(index: number): Promise<void> {
    try {
      const answer = await closing(edge.port, make(index));
      const problem = isBroken(index) === 'http2' ? http2Failures(answer)[0] : http1Failure(answer);
      if (problem !== undefined) failed(index, problem);
    } catch (error) {
      failed(index, error);
    }
  }

  async function sendRequests(indexes: readonly number[]): Promise<void> {
    const sent = indexes.map((index) => requests.make(new Random(seed, index)));
    try {
      await pipelined(edge.port, sent, (place, answer) => {
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        const problem = problemOf(answer);
        if (problem !== undefined) failed(indexes[place] ?? -1, problem);
      });
    } catch (error) {
      failed(error instanceof InputError ? (indexes[error.index] ?? -1) : -1, error);
    }
  }

  let next = from;
  async function work(until: number): Promise<void> {
    while (next < until && failures.length < mostFailures && !edge.ended()) {
      const first = next;
      next = Math.min(until, first - (first % batch) + batch);
      const indexes = Array.from({ length: next - first }, (_, place) => first + place);
      await sendRequests(indexes.filter((index) => isBroken(index) === undefined));
      for (const index of indexes) if (isBroken(index) !== undefined) await sendBroken(index);
    }
  }
  const workUntil = (until: number) => Promise.all(Array.from({ length: connections }, () => work(until)));

  try {
    await workUntil(from + Math.floor(runs / 2));
    const middle = await edge.held();
    await workUntil(to);
    const end = await edge.held();
    if (edge.ended()) failures.push(`the edge ended: ${edge.lastWords()}`);
    const seconds = (Date.now() - startedAt) / 1000;
    return {
      failures,
      grownBytes: end.heapBytes - middle.heapBytes,
      leftOpen: end.resources - middle.resources,
      figures:
        `figures: ${next - from} inputs, seed ${seed}, ${seconds.toFixed(1)} s; ` +
        `heap ${mib(middle.heapBytes)} → ${mib(end.heapBytes)} MiB, resident ${mib(end.residentBytes)} MiB; ` +
        [...statuses]
          .sort(([a], [b]) => a - b)
          .map(([status, count]) => `${status}: ${count}`)
          .join(', '),
    };
  } finally {
    edge.stop();
  }
}

function http1Failure(bytes: Buffer): string | undefined {
  for (let rest = bytes; rest.length > 0;) {
    const answer = readAnswer(rest, false);
    // What was cut by the end of the connection is not looked at.
    if (answer === undefined) return undefined;
    if (answer.status >= 500 && answer.status !== 501) return `answered ${answer.status}`;
    rest = rest.subarray(answer.end);
  }
  return undefined;
}

function problemOf({ status, headers, body }: RawAnswer): string | undefined {
  // UNIMPLEMENTED, for a compression that is unknown, is Connect's word for the client's fault.
  if (status >= 500 && status !== 501) return `answered ${status}: ${body.toString('utf8', 0, 300)}`;
  // gRPC has INTERNAL for broken frames too (statuscodes.md); what is a fault of the edge has this text.
  const grpc = headers.get('content-type')?.startsWith('application/grpc') === true;
  if (grpc && `${headers.get('grpc-message')} ${body.toString('latin1')}`.includes('internal error'))
    return 'answered INTERNAL over gRPC-Web';
  if (headers.get('content-type') !== 'application/json' || body.length === 0) return undefined;
  try {
    JSON.parse(body.toString('utf8'));
    return undefined;
  } catch {
    return headers.has('content-encoding')
      ? undefined
      : `a body that is no JSON: ${body.toString('utf8', 0, 300)}`;
  }
}

const mib = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1);
