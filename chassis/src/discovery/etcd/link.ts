import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import {
  Channel,
  credentials,
  InterceptingCall,
  type ChannelCredentials,
  type Interceptor,
} from '@grpc/grpc-js';
import { noop } from 'cockatiel';
import { Etcd3 } from 'etcd3';
import type { EtcdAddress, EtcdAccess } from './address.ts';

const channelOptions = {
  // grpc-js waits without limit for a connection that gets no answer. After a failure the next try must be one of its own.
  'grpc.use_local_subchannel_pool': 1,
  // Notices an etcd that hangs without closing its connections.
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 3_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
  'grpc.enable_channelz': 0,
  // A page of registrations with values of any size that etcd takes.
  'grpc.max_receive_message_length': -1,
};

const passwordMs = 3_000;

interface Open {
  readonly etcd: Etcd3;
  readonly channel: Channel;
  token: string | undefined;
}

/**
 * One connection to one node of etcd at a time. Whoever finds that it does not work says so (`failed`), and
 * the next call goes to the next node over a new connection: a watch and the check that it lives ask the same
 * node, and a node that hangs is asked once. Every call has a deadline and fails at once where there is no
 * leader; nothing is retried here.
 */
export class EtcdLink {
  readonly #address: EtcdAddress;
  readonly #access: EtcdAccess;
  readonly #timeoutMs: number;
  /** Processes begin with different nodes. */
  #at: number;
  #open: Open | undefined;
  #closed = false;

  constructor(address: EtcdAddress, access: EtcdAccess, timeoutMs: number) {
    this.#address = address;
    this.#access = access;
    this.#timeoutMs = timeoutMs;
    this.#at = Math.floor(Math.random() * address.hosts.length);
  }

  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  /** The client of the node that is in use; connects, and says who it is, where that is yet to be done. */
  async client(): Promise<Etcd3> {
    if (this.#closed) throw new Error('closed');
    if (this.#open !== undefined) return this.#open.etcd;
    const open = this.#connect();
    this.#open = open;
    const { user, password } = this.#access;
    if (user !== undefined) {
      // Checking a password is slow by design.
      const deadline = Date.now() + Math.max(this.#timeoutMs, passwordMs);
      const claim = { name: user, password: password ?? '' };
      const { token } = await open.etcd.auth.authenticate(claim, { deadline });
      open.token = token;
    }
    return open.etcd;
  }

  /** Leaves the node that is in use. */
  failed(): void {
    this.#open?.channel.close();
    this.#open = undefined;
    this.#at = (this.#at + 1) % this.#address.hosts.length;
  }

  /** Calls in flight still end by themselves. */
  close(): void {
    this.#closed = true;
    this.#open?.channel.close();
    this.#open = undefined;
  }

  #connect(): Open {
    const host = this.#address.hosts[this.#at] ?? '';
    const channel = new Channel(host, this.#credentials(host), {
      ...channelOptions,
      // An IP address may not be sent as server name (RFC 6066, section 3).
      ...(this.#address.tls && isIP(hostOf(host)) !== 0 ? { 'grpc.ssl_target_name_override': 'etcd' } : {}),
    });
    const etcd = new Etcd3({
      hosts: [host],
      defaultCallOptions: (call) => (call.isStream ? {} : { deadline: Date.now() + this.#timeoutMs }),
      faultHandling: { global: noop, host: () => noop },
      grpcOptions: {
        channelFactoryOverride: () => channel,
        interceptors: [withHeaders(() => open.token)],
      },
    });
    const open: Open = { etcd, channel, token: undefined };
    return open;
  }

  /** Files are read for each connection: certificates may have been renewed. */
  #credentials(host: string): ChannelCredentials {
    if (!this.#address.tls) return credentials.createInsecure();
    const { caFile, certFile, keyFile } = this.#access;
    const read = (file: string | undefined) => (file === undefined ? null : readFileSync(file));
    return credentials.createSsl(read(caFile), read(keyFile), read(certFile), {
      checkServerIdentity: (_, certificate) => checkServerIdentity(hostOf(host), certificate),
    });
  }
}

/** The host of `host:port`, an IPv6 address without its brackets. */
function hostOf(address: string): string {
  return address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}

/** Adds the token, and that a node without a leader shall refuse rather than wait (etcd's `hasleader`). */
function withHeaders(token: () => string | undefined): Interceptor {
  return (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start(metadata, _, next) {
        metadata.set('hasleader', 'true');
        const value = token();
        if (value !== undefined) metadata.set('token', value);
        next(metadata, {
          onReceiveStatus(status, pass) {
            // etcd3 would make the same call again, with the same token, without end or pause.
            const ended = /invalid auth token/.test(status.details);
            pass(ended ? { ...status, details: 'the session with etcd has ended' } : status);
          },
        });
      },
    });
}
