import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from '@weft/tools/paths';
import { audience, issuer, type Fixture } from '../fixture.ts';

/** A process that answers the read, and how it is started. */
export interface Contender {
  readonly name: string;
  readonly args: readonly string[];
  /** Without its ports. */
  readonly env: Readonly<Record<string, string>>;
  /** Sent with each request. */
  readonly token?: string;
}

/** How the upstream is reached. */
export interface Wire {
  readonly name: 'plaintext' | 'mutual TLS';
  readonly address: string;
}

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/**
 * All that are compared over one wire. BENCH_EDGE (`name=/path/of/main.js,…`) adds other builds of the
 * edge to the same run; BENCH_PROFILE names a folder for CPU profiles of the edge, which then costs more.
 */
export function contenders(fixture: Fixture, wire: Wire): readonly Contender[] {
  const folder = process.env['BENCH_PROFILE'];
  const profile = folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`];
  const secure = wire.name === 'mutual TLS';
  const tls = secure ? fixture.tls.edge : {};
  const ours = (name: string, main: string): Contender => ({
    name,
    args: [...profile, main],
    env: {
      ...tls,
      DESCRIPTORS: fileURLToPath(import.meta.resolve('@weft/proto/descriptors.binpb')),
      UPSTREAMS: `static:${wire.address}`,
      TOKEN_ISSUER: issuer,
      TOKEN_AUDIENCE: audience,
      TOKEN_KEYS: 'shop.identity.v1.KeyService/GetKeySet',
      LOG_LEVEL: 'warn',
    },
  });
  const main = join(root, 'edge/dist/main.js');
  const edge = ours('weft-edge', main);
  const others = (process.env['BENCH_EDGE'] ?? '').split(',').filter((entry) => entry !== '');
  return [
    { name: 'node:http, canned answer', args: [here('floor.js')], env: {} },
    { name: 'Fastify + grpc-js', args: [here('fastify.js')], env: { ...tls, UPSTREAM: wire.address } },
    edge,
    {
      ...edge,
      name: 'weft-edge, user token',
      env: { ...edge.env, DESCRIPTORS: fixture.userContract },
      token: fixture.token,
    },
    ...others.map((entry) => {
      const [name = '', path = ''] = entry.split('=');
      return ours(name, path);
    }),
  ];
}
