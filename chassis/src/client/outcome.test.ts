import { expect, test } from '@jest/globals';
import { ServiceError, type CodeName } from '../errors.ts';
import { outcomeOf } from './outcome.ts';
import { connectionLost, notSent, overloaded, streamRefused } from './retry.ts';

const seen = { ready: true, workload: 'catalog', ms: 1_000 };
const failure = (code: CodeName, reason = 'TEST', domain?: string) =>
  new ServiceError(code, reason, 'played', { domain });

test.each([
  ['its own failures', failure('UNAVAILABLE', 'DOWN', 'catalog'), seen, 'down'],
  ['a connection that breaks', failure('UNAVAILABLE', connectionLost), seen, 'down'],
  ['no answer in time', failure('DEADLINE_EXCEEDED'), seen, 'down'],
  ['a bug', failure('INTERNAL', 'INTERNAL', 'catalog'), seen, 'faulty'],
  ['an unknown error', failure('UNKNOWN'), seen, 'faulty'],
  ['an error of the request', failure('NOT_FOUND', 'NO_BOOK', 'catalog'), seen, 'answered'],
  ['a quota', failure('RESOURCE_EXHAUSTED', 'QUOTA', 'catalog'), seen, 'answered'],
  ['too much to do', failure('RESOURCE_EXHAUSTED', overloaded, 'catalog'), seen, 'refused'],
  ['a stream refused', failure('UNAVAILABLE', streamRefused), seen, 'refused'],
  ['no session, none left', failure('UNAVAILABLE', notSent), { ...seen, ready: false }, 'unknown'],
  ['no stream free', failure('UNAVAILABLE', notSent), seen, 'down'],
  ['hardly any time given', failure('DEADLINE_EXCEEDED'), { ...seen, ms: 900 }, 'unknown'],
  [
    'less than the contract gives',
    failure('DEADLINE_EXCEEDED'),
    { ...seen, ms: 400, timeoutMs: 500 },
    'unknown',
  ],
  ['all that the contract gives', failure('DEADLINE_EXCEEDED'), { ...seen, ms: 480, timeoutMs: 500 }, 'down'],
  ['a quiet stream', failure('DEADLINE_EXCEEDED'), { ...seen, ms: undefined }, 'unknown'],
  ['given up by its caller', failure('CANCELLED'), seen, 'unknown'],
  ['another is away', failure('UNAVAILABLE', 'DOWN', 'identity'), seen, 'unknown'],
  ['another has a bug', failure('INTERNAL', 'INTERNAL', 'identity'), seen, 'unknown'],
  ['it finds no other', failure('UNAVAILABLE', 'NO_INSTANCE', 'catalog'), seen, 'unknown'],
  ['its breaker is open', failure('UNAVAILABLE', 'BREAKER_OPEN', 'catalog'), seen, 'unknown'],
  [
    'an upstream of no mesh',
    failure('UNAVAILABLE', 'DOWN', 'example.com'),
    { ...seen, workload: undefined },
    'down',
  ],
  ['what is no answer', new TypeError('a bug here'), seen, 'unknown'],
] as const)('%s', (_, error, circumstances, outcome) => {
  expect(outcomeOf(error, circumstances)).toBe(outcome);
});
