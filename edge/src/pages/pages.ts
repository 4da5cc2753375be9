import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Contract } from '@weft/chassis/contract';
import type { Routes } from '../routing/routes.ts';
import { openApiDocument } from './openapi.ts';

/** A page of the edge's own, ready to be sent. */
export interface Page {
  readonly status: 200 | 308;
  readonly contentType: string;
  /** Beside `content-type`, `content-length` and `etag`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Strong, with its quotes: a request whose If-None-Match has it can be answered 304. */
  readonly etag: string;
}

/** The page at a path without its query, compared as it was sent; undefined where there is none. */
export type Pages = (path: string) => Page | undefined;

/** Beside this package's sources and its compiled code alike. */
const folder = new URL('../../pages/', import.meta.url);
const types = { css: 'text/css', html: 'text/html', js: 'text/javascript', svg: 'image/svg+xml' } as const;
const scripts = 'answer api commands console dom fields json main message navigation operation prose request';
const names = [...scripts.split(' '), 'schema', 'stream'].map((name) => `${name}.js`);
const files = new Map([['/docs', 'docs.html']]);
for (const name of ['docs.css', 'icon.svg', ...names]) files.set(`/docs/${name}`, name);

/** Nothing inline, nothing from elsewhere, no text taken for code. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

const common = {
  'x-content-type-options': 'nosniff',
  // Kept, and asked for again: what is served changes with the edge and with its contract.
  'cache-control': 'no-cache',
};

/**
 * `/openapi.json` and, at `/docs`, an explorer of it that loads nothing from elsewhere. Each is made when it
 * is first asked for, and kept: a new contract needs new pages. The explorer finds the document and the API
 * beside itself, so that all three may stand below any prefix.
 */
export function createPages(contract: Contract, routes: Routes): Pages {
  let document: Page | undefined;
  return (path) => {
    if (path === '/openapi.json') {
      const body = (): string => JSON.stringify(openApiDocument(contract, routes));
      return (document ??= page('application/json', Buffer.from(body()), "default-src 'none'"));
    }
    return staticPage(path);
  };
}

/** The explorer's files are the same for every contract. */
const loaded = new Map<string, Page>();

function staticPage(path: string): Page | undefined {
  // Relative, so that a prefix stays.
  if (path === '/docs/') return { ...page('text/plain', Buffer.alloc(0), policy), ...movedTo('../docs') };
  const name = files.get(path);
  if (name === undefined) return undefined;
  let found = loaded.get(path);
  if (found === undefined) {
    const type = types[name.slice(name.lastIndexOf('.') + 1) as keyof typeof types];
    found = page(`${type}; charset=utf-8`, readFileSync(new URL(name, folder)), policy);
    loaded.set(path, found);
  }
  return found;
}

function page(contentType: string, body: Buffer, csp: string): Page {
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
  const headers = { ...common, 'content-security-policy': csp, 'referrer-policy': 'no-referrer' };
  return { status: 200, contentType, headers, body, etag };
}

function movedTo(location: string): Pick<Page, 'status' | 'headers'> {
  return { status: 308, headers: { ...common, location } };
}
