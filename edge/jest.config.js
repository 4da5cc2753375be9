import preset from '@weft/chassis/testing/jest-preset';

// The edge needs neither etcd nor a database.
const { globalSetup: _setup, globalTeardown: _teardown, ...rest } = preset;
// The tests that send many requests take their time on a busy machine.
export default { ...rest, testTimeout: 30_000 };
