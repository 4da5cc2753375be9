import {
  HealthCheckRequest,
  HealthCheckResponse,
  HealthCheckResponse_ServingStatus as Status,
  HealthService,
} from '@weft/proto/health/v1/health';
import { ServiceError, type CodeName } from '../errors.ts';
import type { Connection } from './connection.ts';

const firstPauseMs = 1_000;
const longestPauseMs = 120_000;
/** Answers of who keeps no health, or not for us: they are not asked again on this connection. */
const noHealth = new Set<CodeName>(['UNIMPLEMENTED', 'UNAUTHENTICATED', 'PERMISSION_DENIED', 'NOT_FOUND']);
const request = HealthCheckRequest.encode({ service: '' }).finish();

/**
 * Asks an instance whether it wants calls (gRFC A17): one `grpc.health.v1.Health/Watch` for each connection, of
 * the server as a whole. A17's watch per gRPC service would be as many streams as services, for an answer that is
 * the same: an instance begins and drains as one. Only NOT_SERVING speaks against it. A server that keeps no
 * status of the whole (SERVICE_UNKNOWN), keeps none at all (UNIMPLEMENTED), or does not answer is called as ever.
 *
 * What was said last stands while the stream is opened again: at once where it had been answered, else after
 * 1 s, and up to 2 min. Nothing of it keeps a connection, a server or this process from ending.
 */
export class HealthWatch {
  readonly #connection: Connection;
  readonly #onChange: (serving: boolean) => void;
  #serving = true;
  #failures = 0;
  #current: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** `onChange` is called when what the instance says is another than before. */
  constructor(connection: Connection, onChange: (serving: boolean) => void) {
    this.#connection = connection;
    this.#onChange = onChange;
  }

  /** The connection came, went or was replaced: the stream on the one before would keep that from closing. */
  refresh(): void {
    this.close();
    this.#failures = 0;
    if (this.#connection.ready) this.#watch();
    else this.#tell(true);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#current?.abort();
    this.#current = undefined;
  }

  #watch(): void {
    const current = new AbortController();
    this.#current = current;
    void this.#follow(current.signal);
  }

  async #follow(signal: AbortSignal): Promise<void> {
    let heard = false;
    let code: CodeName | undefined;
    try {
      const { path } = HealthService.watch;
      const attempt = { path, request, metadata: [], deadlineMs: Infinity, signals: [signal] };
      for await (const message of this.#connection.serverStream(attempt).messages) {
        if (signal.aborted) return;
        heard = true;
        this.#tell(HealthCheckResponse.decode(message).status !== Status.NOT_SERVING);
      }
    } catch (error) {
      code = error instanceof ServiceError ? error.code : 'INTERNAL';
    }
    if (signal.aborted) return;
    if (!heard) this.#tell(true);
    if (code !== undefined && noHealth.has(code)) return;
    this.#failures = heard ? 0 : this.#failures + 1;
    const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** this.#failures) * (0.5 + Math.random() / 2);
    this.#timer = setTimeout(() => this.#watch(), heard ? Math.random() * firstPauseMs : pauseMs).unref();
  }

  #tell(serving: boolean): void {
    if (serving === this.#serving) return;
    this.#serving = serving;
    this.#onChange(serving);
  }
}
