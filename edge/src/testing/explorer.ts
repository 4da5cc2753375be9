import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Contract } from '@weft/chassis/contract';
import type { Browser, Page } from 'playwright-core';
import { createMesh } from '@weft/chassis/client/mesh';
import { http2Connect } from '@weft/chassis/client/http2-connection';
import { staticResolver } from '@weft/chassis/discovery/listed';
import { createLogger } from '@weft/chassis/logger';
import { createEdge } from '../edge.ts';

export interface Explorer {
  /** Where it is, without a slash at the end. */
  readonly url: string;
  stop(): void;
}

/** An edge's pages of a contract below a prefix; what is no page is answered by `api`. */
export async function startExplorer(
  contract: Contract,
  api: RequestListener,
  prefix = '',
): Promise<Explorer> {
  const logger = createLogger({ name: 'edge', level: 'silent' });
  const resolver = staticResolver(new Map(), contract);
  const mesh = createMesh({ contract, resolver, connect: http2Connect({ kind: 'plaintext' }), logger });
  const edge = createEdge({ contract, mesh, logger });
  const server: Server = createServer((request, response) => {
    request.url = request.url?.slice(prefix.length) ?? '';
    const isPage = edge.schema.pages(request.url.replace(/\?.*/s, '')) !== undefined;
    if (isPage) edge.handle(request, response);
    else api(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${prefix}`,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/**
 * Opens a page. What no page of ours may do goes to `complaints`: errors, what its policy forbids, requests
 * to another host.
 */
export async function openPage(browser: Browser, url: string, complaints: string[]): Promise<Page> {
  const page = await browser.newPage({ permissions: ['clipboard-read', 'clipboard-write'] });
  page.setDefaultTimeout(15_000);
  page.on('console', (message) => {
    // A failed request is told so too; that is the test's own doing.
    if (!message.text().startsWith('Failed to load resource')) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    const isOwn = new URL(request.url()).origin === new URL(url).origin;
    if (!isOwn) complaints.push(request.url());
  });
  await page.goto(url);
  return page;
}
