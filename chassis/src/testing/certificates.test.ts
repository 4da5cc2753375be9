import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type TLSSocket } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { createAuthority } from './certificates.ts';

test('a certificate names its workload as a SPIFFE id and is trusted over mutual TLS', async () => {
  const authority = await createAuthority();
  const [catalog, edge] = await Promise.all([authority.issue('catalog'), authority.issue('edge')]);
  const server = createServer({ ...catalog, requestCert: true, rejectUnauthorized: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const seen = once(server, 'secureConnection') as Promise<[TLSSocket]>;
  const client = connect({ ...edge, host: '127.0.0.1', port: (server.address() as AddressInfo).port });
  await once(client, 'secureConnect');
  const [socket] = await seen;
  expect(client.getPeerCertificate().subjectaltname).toContain('URI:spiffe://weft.local/catalog');
  expect(socket.getPeerCertificate().subjectaltname).toContain('URI:spiffe://weft.local/edge');
  client.destroy();
  socket.destroy();
  server.close();
});

test('an authority goes on from its certificate and key', async () => {
  const first = await createAuthority();
  const again = await createAuthority({ existing: { ca: first.ca, key: first.key } });
  const { cert } = await again.issue('ordering');
  expect(new X509Certificate(cert).verify(new X509Certificate(first.ca).publicKey)).toBe(true);
});

test('a certificate can be issued that has expired', async () => {
  const { cert } = await (await createAuthority()).issue('edge', { validMs: -1000 });
  expect(new X509Certificate(cert).validToDate.getTime()).toBeLessThan(Date.now());
});
