import './jest-setup.ts';

/** Ends the servers of `jest-setup`. Where jest is killed before this runs, their guards end them. */
export default async function teardown(): Promise<void> {
  const servers = globalThis.weftTestServers;
  globalThis.weftTestServers = undefined;
  await Promise.all([servers?.etcd.stop(), servers?.database.stop()]);
}
