import { givenDatabase, type TestDatabaseServer } from './given-database.ts';
import { startDatabase, startEtcd, type EtcdServer } from './servers.ts';

declare global {
  var weftTestServers: { readonly etcd: EtcdServer; readonly database: TestDatabaseServer } | undefined;
}

/**
 * One etcd and one database for a whole run of jest, on free ports, with temporary data; the database is the
 * one that DATABASE_ADMIN_URL names, if it is set.
 */
export default async function setup(): Promise<void> {
  if (globalThis.weftTestServers !== undefined) return;
  const given = process.env['DATABASE_ADMIN_URL'];
  const [etcd, database] = await Promise.all([
    startEtcd(),
    given === undefined || given === '' ? ownDatabase() : givenDatabase(given),
  ]);
  globalThis.weftTestServers = { etcd, database };
  process.env['WEFT_TEST_ETCD'] = etcd.url;
  process.env['WEFT_TEST_DATABASE_ADMIN'] = database.adminUrl;
  process.env['WEFT_TEST_DATABASE_PREFIX'] = database.prefix;
}

async function ownDatabase(): Promise<TestDatabaseServer> {
  const server = await startDatabase();
  return { adminUrl: server.adminUrl, prefix: 'test_', stop: () => server.stop() };
}
