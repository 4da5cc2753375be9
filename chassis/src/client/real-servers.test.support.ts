import { credentials, type ChannelCredentials } from '@grpc/grpc-js';
import type { Contract } from '../contract.ts';
import { staticResolver } from '../discovery/listed.ts';
import { createLogger } from '../logger.ts';
import type { Implementation } from '../server/implement.ts';
import { createServer, type GrpcServerOptions } from '../server/server.ts';
import { createAuthority, type Authority, type Identity } from '../testing/certificates.ts';
import { echoWorkload } from '../testing/echo.ts';
import { http2Connect, type Http2Options } from './http2-connection.ts';
import { createMesh, type Mesh } from './mesh.ts';

const logger = createLogger({ name: 'test', level: process.env['LOG_LEVEL'] ?? 'silent' });

const buffers = ({ ca, cert, key }: Identity) => ({
  ca: Buffer.from(ca),
  cert: Buffer.from(cert),
  key: Buffer.from(key),
});

/** Real servers and clients over mutual TLS, in this process. `end` stops all of them. */
export class RealServers {
  readonly #ends: (() => Promise<unknown>)[] = [];
  readonly #authority: Authority;

  private constructor(authority: Authority) {
    this.#authority = authority;
  }

  static async create(): Promise<RealServers> {
    return new RealServers(await createAuthority());
  }

  /** Answers the address. */
  async serve(
    contract: Contract,
    services: readonly Implementation[],
    options: Partial<GrpcServerOptions> = {},
  ): Promise<string> {
    const tls = buffers(await this.#authority.issue(echoWorkload));
    const server = createServer({
      workload: echoWorkload,
      contract,
      services,
      tls,
      trustDomain: 'weft.local',
      logger,
      ...options,
    });
    const port = await server.listen('127.0.0.1', 0);
    server.setServing(true);
    this.#ends.push(() => server.drain(300));
    return `127.0.0.1:${port}`;
  }

  /** Calls whatever is served at these addresses; ready as soon as it is called. */
  async mesh(
    contract: Contract,
    addresses: readonly string[],
    workload = 'edge',
    options: Http2Options = {},
  ): Promise<Mesh> {
    const identity = buffers(await this.#authority.issue(workload));
    const mesh = createMesh({
      contract,
      resolver: staticResolver(new Map([[echoWorkload, [...addresses]]]), contract),
      connect: http2Connect({ kind: 'mesh', tls: identity }, options),
      logger,
    });
    this.#ends.push(() => mesh.close());
    return mesh;
  }

  /** What grpc-js needs to call as a workload. */
  async credentials(workload = 'edge'): Promise<ChannelCredentials> {
    const { ca, cert, key } = buffers(await this.#authority.issue(workload));
    const any = { checkServerIdentity: () => undefined };
    return credentials.createSsl(ca, key, cert, any);
  }

  async end(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end();
  }
}
