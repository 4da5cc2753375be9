import { fileURLToPath } from 'node:url';

const beside = (name: string) => fileURLToPath(import.meta.resolve(`./${name}.js`));

/**
 * jest for a package of ES modules in TypeScript: `x.test.ts` beside `x.ts`, `jest` imported from
 * `@jest/globals`, one real etcd and one real database for the whole run. It needs
 * `NODE_OPTIONS=--experimental-vm-modules`.
 */
export default {
  roots: ['<rootDir>/src'],
  testMatch: ['**/*.test.ts'],
  testEnvironment: 'node',
  injectGlobals: false,
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': beside('jest-transform') },
  globalSetup: beside('jest-setup'),
  // Generous: a machine may be busy, and no test passes or fails by time alone.
  testTimeout: 30_000,
  globalTeardown: beside('jest-teardown'),
};
