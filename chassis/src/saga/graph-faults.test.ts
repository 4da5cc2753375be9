import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import type { AccessRule, MethodRule, SagaRule } from '../contract.ts';
import { loadContract } from '../load-contract.ts';
import { sagaFaults } from './graph-faults.ts';

const bytes = readFileSync(fileURLToPath(import.meta.resolve('@weft/proto/descriptors.binpb')));
const { methods } = loadContract(bytes);
const rule = (name: string): MethodRule => {
  const found = [...methods.values()].find(({ descriptor }) => descriptor.name === name);
  if (found === undefined) throw new Error(`no method ${name}`);
  return found;
};
const path = (name: string): string => rule(name).path;
/** A method as a fault names it. */
const named = (name: string): string => {
  const { descriptor } = rule(name);
  return `${path(name)} (${descriptor.parent.file.name}.proto)`;
};

/** What is wrong with the shop's sagas when one method's part, or access, is another; `undefined` takes a field away. */
function faultsWith(
  name: string,
  change: { readonly [Field in keyof SagaRule]?: unknown },
  access?: AccessRule,
): string {
  const { saga, ...before } = rule(name);
  const changed = Object.entries({ ...saga, ...change }).filter(([, value]) => value !== undefined);
  const after = {
    ...before,
    ...(access === undefined ? {} : { access }),
    ...(changed.length === 0 ? {} : { saga: Object.fromEntries(changed) as unknown as SagaRule }),
  };
  return sagaFaults(new Map([...methods, [before.path, after]])).join('\n');
}

const letIn = (...services: string[]): AccessRule => ({ kind: 'services', services });

test('the sagas of the shop have no fault', () => {
  expect(sagaFaults(methods)).toEqual([]);
  expect(named('Restock')).toBe('/shop.catalog.v1.StockService/Restock (shop/catalog/v1/stock.proto)');
});

test.each([
  ['a step without an undo', 'Reserve', { undo: undefined }, `${named('Reserve')}: a STEP needs undo`],
  [
    'an undo that is no method',
    'Reserve',
    { undo: '/a.B/C' },
    `${named('Reserve')}: undo /a.B/C does not exist`,
  ],
  [
    'an undo that undoes nothing',
    'Charge',
    { undo: path('Release') },
    `${named('Refund')}: is the undo of 0 steps, needs one`,
  ],
  [
    'an undo that another workload serves than its step',
    'Charge',
    { undo: path('Release') },
    `${named('Release')}: is served by catalog, and its step ${path('Charge')} by identity`,
  ],
  ['a way without an end', 'Charge', { next: undefined }, `${named('Charge')}: a STEP needs next`],
  ['a hole', 'Charge', { next: '/a.B/C' }, `${named('Charge')}: next /a.B/C does not exist`],
  [
    'a hole at the start',
    'PlaceOrder',
    { next: '/a.B/C' },
    `${named('PlaceOrder')}: next /a.B/C does not exist`,
  ],
  ['a cycle', 'Charge', { next: path('Reserve') }, `${named('Reserve')}: follows itself in saga place-order`],
  [
    'a step that no start leads to',
    'Reserve',
    { next: path('Confirm') },
    `${named('Charge')}: no way leads there from the start of saga place-order`,
  ],
  [
    'a step of another saga, which nothing starts',
    'Charge',
    { name: 'other' },
    `${named('Charge')}: no way leads there from the start of saga other`,
  ],
  [
    'an undo of another saga',
    'Release',
    { name: 'other' },
    `${named('Reserve')}: undo ${path('Release')} is no UNDO of saga place-order`,
  ],
  [
    'a final of another saga',
    'Commit',
    { name: 'other' },
    `${named('Reserve')}: final ${path('Commit')} is no FINAL of saga place-order`,
  ],
  [
    'a must of another saga',
    'Restock',
    { name: 'other' },
    `${named('CancelOrder')}: must ${path('Restock')} is no MUST of saga cancel-order`,
  ],
  [
    'a start without a deadline',
    'PlaceOrder',
    { deadlineMs: undefined },
    `${named('PlaceOrder')}: a START needs a deadline`,
  ],
  [
    'a second commit',
    'Charge',
    { kind: 'COMMIT' },
    'saga place-order: has 2 methods of kind COMMIT, needs one',
  ],
  [
    'a decision that nothing must follow',
    'CancelOrder',
    { must: undefined },
    `${named('CancelOrder')}: a DECIDE needs must`,
  ],
  [
    'a must that its decision does not name',
    'CancelOrder',
    { must: [path('Restock')] },
    `${named('RefundOrder')}: is the must of no DECIDE of saga cancel-order`,
  ],
  [
    'a must that is named twice',
    'CancelOrder',
    { must: [path('Restock'), path('Restock')] },
    `${named('CancelOrder')}: names a must more than once`,
  ],
  [
    'a must that is no method',
    'CancelOrder',
    { must: ['/a.B/C'] },
    `${named('CancelOrder')}: must /a.B/C does not exist`,
  ],
  ['a must with an undo', 'Restock', { undo: path('Release') }, `${named('Restock')}: a MUST has no undo`],
  ['a must with a deadline', 'Restock', { deadlineMs: 5 }, `${named('Restock')}: a MUST has no deadline`],
  ['an undo with a must', 'Release', { must: [path('Restock')] }, `${named('Release')}: a UNDO has no must`],
  [
    'two decisions',
    'Restock',
    { kind: 'DECIDE' },
    'saga cancel-order: has 2 methods of kind DECIDE, needs one',
  ],
  [
    'no kind',
    'Restock',
    { kind: 'KIND_UNSPECIFIED' },
    `${named('Restock')}: its kind in saga cancel-order is none that there is`,
  ],
  [
    'an answer that the relay cannot read',
    'GetProduct',
    { name: 'x', kind: 'STEP' },
    `${named('GetProduct')}: must answer weft.v1.SagaReply`,
  ],
  [
    'a request without a header',
    'GetProduct',
    { name: 'x', kind: 'STEP' },
    `${named('GetProduct')}: field 1 of its request must be a weft.v1.SagaHeader`,
  ],
  [
    'a stream',
    'WatchOrder',
    { name: 'x', kind: 'DECIDE' },
    `${named('WatchOrder')}: a stream cannot be part of a saga`,
  ],
] as const)('%s is refused, with method and file', (_, method, change, fault) => {
  expect(faultsWith(method, change)).toContain(fault);
});

test.each([
  ['a step to the start before it', 'Reserve', letIn('identity'), 'ordering', 'place-order'],
  ['a step to the step before it', 'Charge', letIn('ordering'), 'catalog', 'place-order'],
  ['the commit to the last step', 'Confirm', letIn('catalog'), 'identity', 'place-order'],
  ['an undo to the arbiter', 'Release', letIn('identity'), 'ordering', 'place-order'],
  ['a final to the arbiter', 'Commit', letIn('catalog'), 'ordering', 'place-order'],
  ['the abort to a step that refuses', 'Fail', letIn('catalog'), 'identity', 'place-order'],
  ['the outcome to a step that asks', 'GetOutcome', letIn('identity'), 'catalog', 'place-order'],
  ['a log to the arbiter', 'ListWalletEvents', letIn('edge'), 'ordering', 'place-order'],
  ['a must to whoever decides', 'RefundOrder', letIn('catalog'), 'ordering', 'cancel-order'],
  [
    'a step to all but users, whose token no message carries',
    'Reserve',
    { kind: 'user' },
    'ordering',
    'place-order',
  ],
] as const)('an access rule that closes %s is refused', (_, method, access, caller, saga) => {
  expect(faultsWith(method, {}, access)).toContain(
    `${named(method)}: its access does not let ${caller} in, which calls it in saga ${saga}`,
  );
});
