/** All packages in one run, with one etcd and one database for all of them. */
export default {
  // Much of a test is waiting, for a lease or a restart: every core has work for one more.
  maxWorkers: '100%',
  // Generous: a machine may be busy, and no test passes or fails by time alone.
  testTimeout: 30_000,
  projects: ['chassis', 'edge', 'services/*', 'tools', 'e2e'].map((path) => `<rootDir>/${path}`),
};
