import preset from '@weft/chassis/testing/jest-preset';

// The edge needs neither etcd nor a database.
const { globalSetup: _setup, globalTeardown: _teardown, ...rest } = preset;
export default rest;
