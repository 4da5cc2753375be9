import { expect, test } from '@jest/globals';
import { ConfigError, describeConfig, env, loadConfig } from './config.ts';

const schema = {
  name: env.string('NAME'),
  port: env.port('PORT', { default: 8080 }),
  workers: env.integer('WORKERS', { min: 1, max: 64, default: 4 }),
  share: env.number('SHARE', { min: 0, max: 1, optional: true }),
  debug: env.boolean('DEBUG', { default: false }),
  level: env.oneOf('LEVEL', ['low', 'high'], { default: 'low' }),
  url: env.url('DATABASE_URL', { protocols: ['mysql:'], secret: true }),
  file: env.file('FILE', { optional: true }),
} as const;

test('values are parsed, defaults filled in, and what is optional may be absent', () => {
  const config = loadConfig(schema, {
    NAME: 'a',
    DATABASE_URL: 'mysql://u:pw@h/db',
    SHARE: '0.25',
    DEBUG: '',
  });
  expect(config).toEqual({
    name: 'a',
    port: 8080,
    workers: 4,
    share: 0.25,
    debug: false,
    level: 'low',
    url: 'mysql://u:pw@h/db',
    file: undefined,
  });
});

test('every fault is told at once, with its variable, and no secret', () => {
  const faults = (): readonly string[] => {
    try {
      loadConfig(schema, {
        PORT: '65536',
        WORKERS: '0',
        SHARE: '1e9',
        DEBUG: 'yes',
        LEVEL: 'middle',
        DATABASE_URL: 'postgres://u:hunter2@h/db',
        FILE: '/nowhere',
      });
    } catch (error) {
      if (error instanceof ConfigError) return error.faults;
    }
    return [];
  };
  expect(faults()).toEqual([
    'NAME is not set',
    'PORT is not a port (0 to 65535) ("65536")',
    'WORKERS is below 1 ("0")',
    'SHARE is not a decimal number ("1e9")',
    'DEBUG is neither true nor false ("yes")',
    'LEVEL is none of low, high ("middle")',
    'DATABASE_URL is not a URL with mysql:',
    'FILE names a file that cannot be read (ENOENT) ("/nowhere")',
  ]);
  expect(faults().join()).not.toContain('hunter2');
});

test.each(['', '1.5', '0x10', '1e3', 'NaN', '9007199254740993'])('%j is no whole number', (value) => {
  expect(() => loadConfig({ n: env.integer('N') }, { N: value })).toThrow(ConfigError);
});

test('the description masks secrets', () => {
  const config = loadConfig(schema, { NAME: 'a', DATABASE_URL: 'mysql://u:hunter2@h/db' });
  const text = describeConfig(schema, config);
  expect(text).toContain('DATABASE_URL=***');
  expect(text).toContain('FILE is not set');
  expect(text).not.toContain('hunter2');
});

test('a list is separated by commas in a variable, and may be given item by item beside it', () => {
  const list = { origins: env.list('ORIGINS'), sizes: env.list('SIZES', { each: size, default: [1] }) };
  expect(loadConfig(list, {})).toEqual({ origins: [], sizes: [1] });
  expect(loadConfig(list, { ORIGINS: ' a, b,,', SIZES: '2' })).toEqual({ origins: ['a', 'b'], sizes: [2] });
  const given = new Map([['ORIGINS', { raw: ['c', 'd'], from: '--origin' }]]);
  expect(loadConfig(list, { ORIGINS: 'a' }, given).origins).toEqual(['c', 'd']);
  expect(() => loadConfig(list, { SIZES: '1,x' })).toThrow('SIZES has x, which is no size ("1,x")');
});

test('a time is milliseconds, or has its unit', () => {
  const time = { ms: env.duration('MS', { min: 1, max: 600_000 }) };
  const read = (MS: string) => loadConfig(time, { MS }).ms;
  expect(['500', '500ms', '30s', '5m'].map(read)).toEqual([500, 500, 30_000, 300_000]);
  for (const bad of ['1.5s', '-1', '5h', 's']) expect(() => read(bad)).toThrow('MS is no time like 500');
  expect(() => read('11m')).toThrow('MS is above 600000 ("11m")');
});

test('a fault of what was given names where it was given', () => {
  const given = new Map([['PORT', { raw: '1.5', from: '--port' }]]);
  expect(() => loadConfig({ port: env.port('PORT') }, {}, given, ['--prot is unknown'])).toThrow(
    '2 fault(s):\n  --prot is unknown\n  --port is not a port (0 to 65535) ("1.5")',
  );
});

function size(item: string): number {
  if (!/^\d+$/.test(item)) throw new Error(`has ${item}, which is no size`);
  return Number(item);
}
