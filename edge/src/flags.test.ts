import { ConfigError, describeConfig, type Reader } from '@weft/chassis/config';
import { expect, test } from '@jest/globals';
import { edgeSchema } from './config.ts';
import { parseCommandLine, readConfig } from './flags.ts';
import { help } from './help.ts';

const enough = ['--reflect', 'static:127.0.0.1:9000'];
const read = (argv: readonly string[], environment: NodeJS.ProcessEnv = {}) =>
  readConfig(parseCommandLine([...enough, ...argv]), environment);

function faultsOf(argv: readonly string[], environment: NodeJS.ProcessEnv = {}): readonly string[] {
  try {
    readConfig(parseCommandLine(argv), environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

test('a flag takes its value after a space or an equals sign, and wins over its variable', () => {
  const environment = { MAX_REQUEST_BYTES: '10', HTTP_PORT: '1', UNKNOWN_QUERY: 'ignore' };
  const { requestBytes, httpPort, unknownQuery, maxTimeoutMs } = read(
    ['--max-request-bytes', '20', '--port=2', '--max-timeout', '30s'],
    environment,
  );
  expect([requestBytes, httpPort, unknownQuery, maxTimeoutMs]).toEqual([20, 2, 'ignore', 30_000]);
});

test('every variable has a flag of its own name too, also where the usual one is shorter', () => {
  expect(read(['--http-port', '3', '--cors-origins', 'https://a.example']).httpPort).toBe(3);
  expect(read(['--max-timeout-ms', '5']).maxTimeoutMs).toBe(5);
});

test.each([
  [['--emit-defaults'], {}, true],
  [['--emit-defaults=false'], {}, false],
  [['--no-emit-defaults'], {}, false],
  [['--no-emit-defaults'], { EMIT_DEFAULTS: 'true' }, false],
  [['--emit-defaults'], { EMIT_DEFAULTS: 'false' }, true],
  [[], { EMIT_DEFAULTS: 'false' }, false],
])('a switch: %j beside %j is %s', (argv, environment, expected) => {
  expect(read(argv, environment).emitDefaults).toBe(expected);
});

test('a list has one flag for each item, or commas in its variable, which the flags replace', () => {
  const origins = ['https://a.example', 'https://b.example'];
  expect(read(['--cors-origin', origins[0] ?? '', `--cors-origin=${origins[1]}`]).corsOrigins).toEqual(
    origins,
  );
  expect(read([], { CORS_ORIGINS: origins.join(',') }).corsOrigins).toEqual(origins);
  const both = read(['--cors-origin', 'https://c.example'], { CORS_ORIGINS: origins.join(',') });
  expect(both.corsOrigins).toEqual(['https://c.example']);
});

test('every fault is told at once, each with its flag or variable, and near misses with what is meant', () => {
  const argv = [
    ...enough,
    '--prot=80',
    '--max-request-byte',
    '10',
    '--origin',
    'x',
    '--wholly-different',
    '--max-url-bytes=0',
    '--host',
    '--port=',
    '--max-json-depth=1',
    '--max-json-depth=2',
    'stray',
    '--upstream',
    'acme.v1.Library:127.0.0.1',
    '--emit-defaults=maybe',
    '--max-timeout=soon',
  ];
  expect(faultsOf(argv, { HEARTBEAT_MS: '-1' })).toEqual([
    '--prot is unknown: do you mean --port?',
    '--max-request-byte is unknown: do you mean --max-request-bytes?',
    '--origin is unknown: do you mean --cors-origin?',
    '--wholly-different is unknown (--help lists all)',
    '--host needs a value: --host <host>',
    '--port needs a value: --port <port>',
    '--max-json-depth is given twice',
    'stray is no flag',
    expect.stringContaining('--upstream has acme.v1.Library:127.0.0.1, which is neither static:'),
    '--emit-defaults is neither true nor false ("maybe")',
    '--max-url-bytes is below 1 ("0")',
    '--max-timeout is no time like 500, 500ms, 30s or 5m ("soon")',
    expect.stringContaining('HEARTBEAT_MS is no time like'),
  ]);
});

test.each([
  [[], 'nothing says what to serve: give --descriptors, --reflect or --registry'],
  [['--descriptors', 'package.json'], 'give --upstream or --registry beside --descriptors'],
  [[...enough, '--registry', 'etcd://127.0.0.1:2379'], '--reflect and --registry both say what is served'],
  [[...enough, '--descriptors', 'package.json'], '--descriptors and --reflect both give the schema'],
  [[...enough, '--tls-cert-file', 'package.json'], '--tls-cert-file and --tls-key-file are given together'],
  [
    [...enough, '--tls-cert-file', 'package.json', '--tls-key-file', 'package.json'],
    '--tls-cert-file needs the authorities of the mesh in --tls-ca-file',
  ],
  [[...enough, '--upstream', '9lives=static:a:1'], 'does not begin with a gRPC service or *'],
  [[...enough, '--upstream', 'static:a:99999'], 'neither static:host:port[|host:port] nor dns:host:port'],
  [[...enough, '--trusted-proxy', '10.0.0.0/40'], 'neither an IP address nor a network'],
  [['--descriptors', '/nowhere'], '--descriptors names /nowhere, which cannot be read (ENOENT)'],
])('%j is refused: %s', (argv, fault) => {
  expect(faultsOf(argv).join('\n')).toContain(fault);
});

test('commands are told from flags', () => {
  expect([...parseCommandLine(['-h', '--version']).commands]).toEqual(['help', 'version']);
  expect(faultsOf(['--print-routes', '--descriptors', 'package.json'])).toEqual([]);
  expect(faultsOf(['--help=yes'])[0]).toBe('--help is unknown: do you mean --help?');
});

test('the help has every variable with a line about it, and its default', () => {
  const text = help();
  for (const { name, flag, about, kind, secret } of Object.values(
    edgeSchema as Record<string, Reader<unknown>>,
  )) {
    expect(about).not.toBe('');
    const shown = kind === 'switch' ? `--[no-]${flag} ` : `--${flag} <`;
    expect([name, text.includes(shown)]).toEqual([name, !secret]);
    expect(text).toMatch(new RegExp(`\\[${name}(=[^\\]]+)?\\]`));
  }
  expect(text).toContain('[HTTP_PORT=8080]');
  expect(text).toContain('[MAX_REQUEST_BYTES=1048576]');
});

test('a secret has no flag, since the list of processes would show it, and is masked when it is printed', () => {
  const registry = ['--registry', 'etcds://127.0.0.1:2379', '--registry-user', 'edge'];
  expect(faultsOf([...registry, '--registry-password', 'hidden'])).toEqual([
    expect.stringContaining('--registry-password is unknown'),
  ]);
  const config = readConfig(parseCommandLine(registry), { REGISTRY_PASSWORD: 'hidden' });
  expect(config.registryPassword).toBe('hidden');
  expect(describeConfig(edgeSchema, config)).toContain('REGISTRY_PASSWORD=***');
  expect(help()).toMatch(/\[REGISTRY_PASSWORD\] +the password of REGISTRY_USER; a variable alone/);
});
