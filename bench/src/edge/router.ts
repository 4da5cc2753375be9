// By path: these are the edge's own parts, which its package does not export.
import { parsePathTemplate } from '../../../edge/dist/routing/path-template.js';
import { RouteTable } from '../../../edge/dist/routing/route-table.js';
import { interleaved, type Operation } from './interleaved.ts';

const sizes = [10, 100, 1_000, 10_000];
/** So many paths, from all over the table, take turns: what a server is asked for is in the caches. */
const asked = 64;

/** Looking up a route in tables of 10 to 10,000 routes. */
export function measureRouter(say: (text: string) => void): void {
  const times = interleaved(sizes.map(lookUp));
  say('\nRouter, ns a look-up, of 64 paths in turn');
  sizes.forEach((size, index) => {
    say(`${String(size).padStart(7)} routes ${(times[index] ?? NaN).toFixed(0).padStart(8)}`);
  });
}

/** Five routes for each kind of thing: list, get, update, a verb, and a tail of any length. */
function lookUp(size: number): Operation {
  const table = new RouteTable<number>();
  const requests: { readonly method: string; readonly path: string }[] = [];
  for (let thing = 0; thing < size / 5; thing++) {
    const root = `/v1/things${thing}`;
    for (const [method, template, path] of [
      ['GET', root, root],
      ['GET', `${root}/{id}`, `${root}/0190b8a2-7c1e-7f3a`],
      ['PATCH', `${root}/{id}`, `${root}/0190b8a2-7c1e-7f3a`],
      ['POST', `${root}/{id}:archive`, `${root}/0190b8a2-7c1e-7f3a:archive`],
      ['GET', `${root}/{id}/parts/{part=**}`, `${root}/0190b8a2-7c1e-7f3a/parts/a/b`],
    ] as const) {
      table.add(method, parsePathTemplate(template), thing);
      requests.push({ method, path });
    }
  }
  const few = Array.from({ length: asked }, (_, i) => requests[Math.floor((i * size) / asked)]);
  let next = 0;
  return {
    name: `${size} routes`,
    run() {
      const request = few[next++ % asked];
      if (table.match(request?.method ?? '', request?.path ?? '').kind !== 'found')
        throw new Error(`${request?.path} has no route`);
    },
  };
}
