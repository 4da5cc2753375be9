import { ChannelCredentials, credentials } from '@grpc/grpc-js';
import type { MeshTls } from './mesh-tls.ts';

type Connector = ReturnType<ChannelCredentials['_createSecureConnector']>;

/** grpc-js's credentials of a client in the mesh: each connection is made with the identity that there is then. */
export class MeshChannelCredentials extends ChannelCredentials {
  readonly #tls: MeshTls;
  readonly #check: ReturnType<MeshTls['checkServer']>;
  readonly #address: string;

  /** Of connections to one address, whose certificate must be `workload`'s (any of the mesh if undefined). */
  constructor(tls: MeshTls, address: string, workload: string | undefined) {
    super();
    this.#tls = tls;
    this.#address = address;
    this.#check = tls.checkServer(workload);
  }

  override _createSecureConnector(
    ...args: Parameters<ChannelCredentials['_createSecureConnector']>
  ): Connector {
    const made = (): Connector =>
      credentials
        .createFromSecureContext(this.#tls.context(), { checkServerIdentity: this.#check })
        ._createSecureConnector(...args);
    const first = made();
    return {
      connect: async (socket) => {
        try {
          return await made().connect(socket);
        } catch (error) {
          this.#tls.failed(this.#address, error);
          throw error;
        }
      },
      waitForReady: () => first.waitForReady(),
      getCallCredentials: () => first.getCallCredentials(),
      destroy: () => first.destroy(),
    };
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }
}
