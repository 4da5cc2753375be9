import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServiceNames } from './names.ts';
import { codeWords, type Files } from './template.ts';

/** Everything in the repository that stands against a service of these names. */
export function conflicts(root: string, names: ServiceNames, sample: Files): string[] {
  const { service, resource, resources } = names;
  const found = [`services/${service}`, `proto/shop/${service}`]
    .filter((path) => existsSync(join(root, path)))
    .map((path) => `${path} is there already: choose another NAME`);
  const words = codeWords(sample);
  if (words.has(service)) found.push(`NAME is ${service}: the code uses that word for something else`);
  const own = [resource.camel, resource.pascal, resource.snake, resources.camel, resources.snake];
  const used = own.find((word) => words.has(word));
  if (used !== undefined)
    found.push(`RESOURCE is ${resource.kebab}: the code uses ${used} for something else`);
  const owner = ownerOfRoute(root, `/v1/${resources.camel}`);
  if (owner !== undefined)
    found.push(`/v1/${resources.camel} is a route of ${owner} already: choose another RESOURCE`);
  return found;
}

/** The contract with a REST route at or below this path. */
function ownerOfRoute(root: string, path: string): string | undefined {
  const folder = join(root, 'proto/shop');
  const route = new RegExp(`"${path}["/:{]`);
  const contracts = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const owner = contracts
    .filter((file) => file.endsWith('.proto'))
    .find((file) => route.test(readFileSync(join(folder, file), 'utf8')));
  return owner === undefined ? undefined : `proto/shop/${owner}`;
}
