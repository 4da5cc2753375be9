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
