import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { decodeSpans, type ExportedSpan } from './otlp-decoder.ts';

export type { ExportedSpan };

const { createServer } = process.getBuiltinModule('node:http');

export interface OtlpReceiver {
  /** As OTEL_EXPORTER_OTLP_ENDPOINT takes it. */
  readonly url: string;
  /** Every span that has come, in the order in which it came. */
  readonly spans: readonly ExportedSpan[];
  close(): Promise<void>;
}

/** Receives traces as a collector does: OTLP over HTTP, binary protobuf, at `/v1/traces`, on a free port. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ExportedSpan[] = [];
  const server = createServer((request, response) => {
    readBody(request).then(
      (body) => {
        const known = request.method === 'POST' && request.url === '/v1/traces';
        if (known) spans.push(...decodeSpans(body));
        response.writeHead(known ? 200 : 404, { 'content-type': 'application/x-protobuf' }).end();
      },
      (error: unknown) => response.writeHead(400).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  return request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
}
