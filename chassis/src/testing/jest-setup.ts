import { startDatabase, startEtcd, type DatabaseServer, type EtcdServer } from './servers.ts';

declare global {
  var weftTestServers: { readonly etcd: EtcdServer; readonly database: DatabaseServer } | undefined;
}

/** One etcd and one database for a whole run of jest, on free ports, with temporary data. */
export default async function setup(): Promise<void> {
  if (globalThis.weftTestServers !== undefined) return;
  const [etcd, database] = await Promise.all([startEtcd(), startDatabase()]);
  globalThis.weftTestServers = { etcd, database };
  process.env['WEFT_TEST_ETCD'] = etcd.url;
  process.env['WEFT_TEST_DATABASE_ADMIN'] = database.adminUrl;
}
