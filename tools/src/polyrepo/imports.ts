import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import type { Package } from './packages.ts';

/** Ours quotes with ', what is generated with "; an import of a contract, in a text, has no `from`. */
const sources = [
  /\b(?:from|import|import\(|\.resolve\(|require\()\s*'((?:@[\w.-]+\/)?[a-z][\w.-]*)/g,
  /\bfrom "((?:@[\w.-]+\/)?[a-z][\w.-]*)/g,
];

/**
 * What a package imports and does not declare, each as `<file> imports <package>`: published code may import
 * what is among `dependencies`, tests what is among `devDependencies` too.
 */
export function undeclaredImports(root: string, { path, manifest }: Package): string[] {
  const own = new Set([manifest.name, ...Object.keys(manifest.dependencies ?? {})]);
  const forTests = new Set([...own, ...Object.keys(manifest.devDependencies ?? {})]);
  return sourceFiles(root, path).flatMap((file) => {
    const declared = isForTests(manifest.files ?? [], file) ? forTests : own;
    return importsOf(join(root, path, file))
      .filter((name) => !declared.has(name))
      .map((name) => `${path}/${file} imports ${name}`);
  });
}

/** What a package declares and nothing in it imports; npm would install it for nothing. */
export function unusedDependencies(root: string, { path, manifest }: Package): string[] {
  const imported = new Set(sourceFiles(root, path).flatMap((file) => importsOf(join(root, path, file))));
  return Object.keys(manifest.dependencies ?? {})
    .filter((name) => !imported.has(name))
    .map((name) => `${path} does not import ${name}`);
}

/** The packages that a file imports, without Node's own. */
function importsOf(file: string): string[] {
  const code = readFileSync(file, 'utf8').replace(/^\s*(\/\/|\*|\/\*).*$/gm, '');
  const names = sources.flatMap((source) => [...code.matchAll(source)].map(([, name = '']) => name));
  return [...new Set(names)].filter((name) => !isBuiltin(name) && name !== 'node');
}

/** The TypeScript of a package, and what configures its tests; of `proto`, what is generated. */
function sourceFiles(root: string, path: string): string[] {
  const folders = ['src', 'gen'].filter((folder) => existsSync(join(root, path, folder)));
  const files = folders.flatMap((folder) =>
    readdirSync(join(root, path, folder), { recursive: true, encoding: 'utf8' }).map(
      (file) => `${folder}/${file}`,
    ),
  );
  const configuration = ['jest.config.js'].filter((file) => existsSync(join(root, path, file)));
  return [...files.filter((file) => file.endsWith('.ts')), ...configuration];
}

/** Whether a file is left out of what is published: a test, or what `files` takes out by a folder. */
function isForTests(published: readonly string[], file: string): boolean {
  if (/\.test\.(support\.)?ts$|\.config\.js$/.test(file)) return true;
  return published.some((rule) => rule.startsWith('!dist/') && file.startsWith(`src/${rule.slice(6)}/`));
}
