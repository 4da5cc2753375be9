import { noop } from 'cockatiel';
import { Etcd3 } from 'etcd3';

/** No answer to a call of ours takes longer than this. */
export const etcdTimeoutMs = 3_000;

/** Where the registrations are: hosts, and a prefix for all keys. */
export interface EtcdAddress {
  readonly hosts: readonly string[];
  /** `/weft/services/`, below the path of the URL if it has one. */
  readonly prefix: string;
}

/** Reads `etcd://host:port[,host:port…][/prefix]`. Throws when it is none. */
export function parseEtcdUrl(url: string): EtcdAddress {
  const [, list = '', path = ''] = /^etcd:\/\/([^/]+)(\/.*)?$/.exec(url) ?? [];
  const hosts = list.split(',');
  if (!hosts.every((host) => /^[\w.-]+:\d{1,5}$/.test(host)))
    throw new Error('is no etcd://host:port[,host:port][/prefix]');
  return {
    hosts: hosts.map((host) => `http://${host}`),
    prefix: `${path.replace(/\/+$/, '')}/weft/services/`,
  };
}

/**
 * A client whose every call has a deadline and fails at once: the loops that use it do the retrying.
 * Its pings notice an etcd that hangs without closing its connections.
 */
export function etcdClient(address: EtcdAddress): Etcd3 {
  return new Etcd3({
    hosts: [...address.hosts],
    dialTimeout: etcdTimeoutMs,
    defaultCallOptions: (call) => (call.isStream ? {} : { deadline: Date.now() + etcdTimeoutMs }),
    faultHandling: { global: noop, host: () => noop },
    grpcOptions: {
      'grpc.keepalive_time_ms': 10_000,
      'grpc.keepalive_timeout_ms': 3_000,
      'grpc.keepalive_permit_without_calls': 1,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.min_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1_000,
      'grpc.enable_channelz': 0,
    },
  });
}

/** The end of the range of keys that begin with `prefix`: its last byte plus one. */
export function prefixEnd(prefix: string): Buffer {
  const end = Buffer.from(prefix);
  end.writeUInt8(end.readUInt8(end.length - 1) + 1, end.length - 1);
  return end;
}
