import {
  isGood,
  keyOf,
  sagaFault,
  start,
  successors,
  Violation,
  type SagaModel,
  type World,
} from './saga-model.test.support.ts';
import type { Behaviour } from './step-model.test.support.ts';

/** What an exploration has found. */
export interface Exploration {
  /** How many states can be reached. */
  readonly states: number;
  /** The first that is wrong, and the way there. */
  readonly fault?: string;
}

/**
 * Visits every state that a saga can come to in a world, the nearest first. Each must keep the invariants,
 * and from each there must be a way to rest with everything as decided: nothing is stuck. (After a restored
 * backup that cannot be asked; there the messages' answers are looked at alone.)
 */
export function explore(behaviour: Behaviour, world: World): Exploration {
  const indexes = new Map([[keyOf(start), 0]]);
  const visited = [start];
  const cameFrom = [-1];
  /** For each state, those that lead to it. */
  const before: number[][] = [[]];
  const faultAt = (index: number, what: string): Exploration => ({
    states: visited.length,
    fault: `${what}\n${way(index, cameFrom, visited)}`,
  });
  for (let index = 0; index < visited.length; index++) {
    const at = visited[index] as SagaModel;
    const fault = sagaFault(world, at);
    if (fault !== undefined) return faultAt(index, fault);
    let following: SagaModel[];
    try {
      following = successors(behaviour, world, at);
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      return faultAt(index, error.message);
    }
    for (const next of following) {
      const key = keyOf(next);
      const known = indexes.get(key);
      if (known !== undefined) before[known]?.push(index);
      else {
        indexes.set(key, visited.length);
        visited.push(next);
        cameFrom.push(index);
        before.push([index]);
      }
    }
  }
  if (world.restores === true) return { states: visited.length };
  const stuck = firstStuck(visited, before, world);
  return stuck === undefined ? { states: visited.length } : faultAt(stuck, 'stuck: no way to a good end');
}

/** The nearest state from which no good one can be reached. */
function firstStuck(
  visited: readonly SagaModel[],
  before: readonly (readonly number[])[],
  world: World,
): number | undefined {
  const ends = new Uint8Array(visited.length);
  const frontier: number[] = [];
  for (const [index, at] of visited.entries()) if (isGood(world, at)) frontier.push(index);
  for (let index = frontier.pop(); index !== undefined; index = frontier.pop()) {
    if (ends[index] === 1) continue;
    ends[index] = 1;
    frontier.push(...(before[index] ?? []));
  }
  const stuck = ends.indexOf(0);
  return stuck === -1 ? undefined : stuck;
}

function way(index: number, cameFrom: readonly number[], visited: readonly SagaModel[]): string {
  const states: string[] = [];
  for (let at = index; at !== -1; at = cameFrom[at] ?? -1) states.push(keyOf(visited[at] as SagaModel));
  return states.toReversed().join('\n');
}
