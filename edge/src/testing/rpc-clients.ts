import { createClient, type CallOptions, type Transport } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node';
import {
  createConnectTransport as createWebConnectTransport,
  createGrpcWebTransport as createWebGrpcTransport,
} from '@connectrpc/connect-web';
import type { Contract } from '@weft/chassis/contract';

/** What a transport can do, beside unary calls and server streams. */
export interface Way {
  readonly transport: Transport;
  /** Streams of requests; both ways at once. */
  readonly uploads: boolean;
  readonly duplex: boolean;
}

/** Every transport of connect-node and connect-web, by name; `close` ends their connections. */
export function clientWays(baseUrl: string): { ways: Record<string, Way>; close: () => void } {
  const sessions: Http2SessionManager[] = [];
  const http2 = () => {
    const sessionManager = new Http2SessionManager(baseUrl);
    sessions.push(sessionManager);
    return { baseUrl, httpVersion: '2' as const, sessionManager };
  };
  const http1 = { baseUrl, httpVersion: '1.1' as const };
  const json = { useBinaryFormat: false };
  const gzip = { compressMinBytes: 0 };
  const full = { uploads: true, duplex: true };
  const half = { uploads: true, duplex: false };
  const web = { uploads: false, duplex: false };
  const ways: Record<string, Way> = {
    'Connect, HTTP/1.1': { transport: createConnectTransport(http1), ...half },
    'Connect, HTTP/1.1, JSON': { transport: createConnectTransport({ ...http1, ...json }), ...half },
    'Connect, HTTP/2': { transport: createConnectTransport({ ...http2(), ...gzip }), ...full },
    'Connect, HTTP/2, JSON': { transport: createConnectTransport({ ...http2(), ...json }), ...full },
    'Connect by GET': { transport: createConnectTransport({ ...http1, useHttpGet: true }), ...half },
    'Connect by GET, JSON': {
      transport: createConnectTransport({ ...http2(), ...json, useHttpGet: true, ...gzip }),
      ...full,
    },
    'gRPC-Web, HTTP/1.1': { transport: createGrpcWebTransport(http1), ...half },
    'gRPC-Web, HTTP/1.1, JSON': {
      transport: createGrpcWebTransport({ ...http1, ...json, ...gzip }),
      ...half,
    },
    'gRPC-Web, HTTP/2': { transport: createGrpcWebTransport(http2()), ...full },
    'gRPC-Web, HTTP/2, JSON': { transport: createGrpcWebTransport({ ...http2(), ...json }), ...full },
    'gRPC, HTTP/2': { transport: createGrpcTransport({ ...http2(), ...gzip }), ...full },
    'gRPC, HTTP/2, JSON': { transport: createGrpcTransport({ ...http2(), ...json }), ...full },
    'Connect by fetch': { transport: createWebConnectTransport({ baseUrl }), ...web },
    'Connect by fetch, binary, GET': {
      transport: createWebConnectTransport({ baseUrl, useBinaryFormat: true, useHttpGet: true }),
      ...web,
    },
    'gRPC-Web by fetch': { transport: createWebGrpcTransport({ baseUrl }), ...web },
  };
  return { ways, close: () => sessions.forEach((session) => session.abort()) };
}

/** The methods of the test library, as a client made from descriptors at run time sees them. */
export interface LibraryClient {
  getBook: Unary;
  echo: Unary;
  fail: Unary;
  inspect: Unary;
  hang: Unary;
  createBook: Unary;
  internal: Unary;
  watchBooks(request: object, options?: CallOptions): AsyncIterable<Message>;
  uploadBooks(requests: AsyncIterable<object>, options?: CallOptions): Promise<Message>;
  chat(requests: AsyncIterable<object>, options?: CallOptions): AsyncIterable<Message>;
}

type Unary = (request: object, options?: CallOptions) => Promise<Message>;
/** Whatever fields there are. */
type Message = Record<string, never>;

export function libraryClient(contract: Contract, transport: Transport): LibraryClient {
  const service = contract.services.get('acme.v1.Library');
  if (service === undefined) throw new Error('the contract has no Library');
  return createClient(service, transport) as unknown as LibraryClient;
}
