import getPort from 'get-port';
import { startEtcd, type EtcdServer } from './servers.ts';

export interface EtcdCluster {
  /** As REGISTRY takes it: all nodes. */
  readonly url: string;
  readonly nodes: readonly EtcdServer[];
  stop(): Promise<void>;
}

/** Starts an etcd of several nodes on loopback and waits until all of them serve. */
export async function startEtcdCluster(size = 3): Promise<EtcdCluster> {
  const ports: { port: number; peerPort: number }[] = [];
  for (let i = 0; i < size; i += 1) ports.push({ port: await getPort(), peerPort: await getPort() });
  const cluster = ports.map(({ peerPort }, i) => `node${i}=http://127.0.0.1:${peerPort}`).join();
  const nodes = await Promise.all(
    ports.map((each, i) => startEtcd({ ...each, member: { name: `node${i}`, cluster } })),
  );
  return {
    url: `etcd://${nodes.map(({ port }) => `127.0.0.1:${port}`).join()}`,
    nodes,
    stop: async () => {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}
