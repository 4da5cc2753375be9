/** All packages in one run, with one etcd and one database for all of them. */
export default {
  projects: ['chassis', 'edge', 'services/*', 'tools', 'e2e'].map((path) => `<rootDir>/${path}`),
};
