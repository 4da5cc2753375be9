import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a package.json says, as far as it is looked at here. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly license?: string;
  readonly engines?: object;
  readonly files?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, unknown>>;
}

/** A package of this repository that works in one of its own. */
export interface Package {
  /** From the repository's root. */
  readonly path: string;
  readonly manifest: Manifest;
}

/** The contracts, the chassis, the edge and every service. */
export function packages(root: string): readonly Package[] {
  const services = readdirSync(join(root, 'services')).map((name) => `services/${name}`);
  return ['proto', 'chassis', 'edge', ...services]
    .filter((path) => existsSync(join(root, path, 'package.json')))
    .map((path) => ({ path, manifest: readManifest(join(root, path)) }));
}

/** The package.json in a folder. */
export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}
