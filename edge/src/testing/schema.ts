import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Contract } from '@weft/chassis/contract';
import { loadContract } from '@weft/chassis/load-contract';

const require = createRequire(import.meta.url);
const here = dirname(fileURLToPath(import.meta.url));

/** Compiles contracts with buf into a descriptor set: file name in the set → text. */
export function compileProtos(files: Readonly<Record<string, string>>): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'edge-protos-'));
  try {
    for (const [name, text] of Object.entries(files)) write(folder, name, text);
    copyImports(folder);
    const output = join(folder, 'set.binpb');
    const buf = join(dirname(require.resolve('@bufbuild/buf/package.json')), 'bin', 'buf');
    execFileSync(process.execPath, [buf, 'build', folder, '--as-file-descriptor-set', '-o', output], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return readFileSync(output);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The contract in testdata/. */
export function testContract(): Contract {
  const folder = join(here, '../../testdata/acme/v1');
  const files = ['types', 'legacy', 'library'].map((name) => [
    `acme/v1/${name}.proto`,
    readFileSync(join(folder, `${name}.proto`), 'utf8'),
  ]);
  return loadContract(compileProtos(Object.fromEntries(files) as Record<string, string>));
}

/** A contract with one service, `test.v1.Test`, of the methods and messages given as proto text. */
export function contractOf(methods: string, messages = ''): Contract {
  const text = `
    syntax = "proto3"; package test.v1;
    import "google/api/annotations.proto"; import "weft/v1/options.proto";
    service Test { option (weft.v1.served_by) = "test"; ${methods} }
    message Request { string a = 1; string b = 2; repeated string list = 3; map<string, string> map = 4; Request inner = 5; }
    ${messages}`;
  return loadContract(compileProtos({ 'test/v1/test.proto': text }));
}

function copyImports(folder: string): void {
  const google = dirname(require.resolve('google-proto-files/package.json'));
  for (const name of ['annotations', 'http', 'httpbody', 'field_behavior'])
    copy(join(google, 'google/api', `${name}.proto`), folder, `google/api/${name}.proto`);
  for (const name of ['status', 'error_details'])
    copy(join(google, 'google/rpc', `${name}.proto`), folder, `google/rpc/${name}.proto`);
  copy(join(google, 'google/type/money.proto'), folder, 'google/type/money.proto');
  const contracts = dirname(dirname(fileURLToPath(import.meta.resolve('@weft/proto/descriptors.binpb'))));
  copy(join(contracts, 'weft/v1/options.proto'), folder, 'weft/v1/options.proto');
}

function copy(from: string, folder: string, name: string): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  cpSync(from, join(folder, name));
}

function write(folder: string, name: string, text: string): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), text);
}
