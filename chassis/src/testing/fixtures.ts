import { randomBytes } from 'node:crypto';
import { createDatabase } from './create-database.ts';

/** The DATABASE_URL of a fresh, empty database on the test run's server; it goes with the run. */
export async function testDatabase(): Promise<string> {
  const name = `${fromSetup('WEFT_TEST_DATABASE_PREFIX')}${randomBytes(6).toString('hex')}`;
  return createDatabase(fromSetup('WEFT_TEST_DATABASE_ADMIN'), name);
}

/**
 * A REGISTRY on the test run's own etcd, with a key prefix that no other test uses:
 * `etcd://127.0.0.1:<port>/test-<random>`.
 */
export function testRegistry(): string {
  return `${fromSetup('WEFT_TEST_ETCD')}/test-${randomBytes(6).toString('hex')}`;
}

function fromSetup(name: string): string {
  const value = process.env[name];
  if (value === undefined)
    throw new Error(`${name} is not set: the jest configuration lacks its globalSetup`);
  return value;
}
