import 'reflect-metadata';
import { webcrypto, X509Certificate } from 'node:crypto';
import { expect, test } from '@jest/globals';
import * as x509 from '@peculiar/x509';
import { workloadOf } from './tls.ts';

type Name = ConstructorParameters<typeof x509.SubjectAlternativeNameExtension>[0] extends infer T ? T : never;

/** A certificate with these alternative names, as Node shows them. */
async function namesOf(names: Name): Promise<string | undefined> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=test',
    keys,
    signingAlgorithm: algorithm,
    extensions: [new x509.SubjectAlternativeNameExtension(names)],
  });
  return new X509Certificate(certificate.toString('pem')).subjectAltName;
}

const url = (value: string) => ({ type: 'url' as const, value });
const dns = (value: string) => ({ type: 'dns' as const, value });

test('the workload is the path of the one SPIFFE id in the certificate', async () => {
  const names = await namesOf([url('spiffe://weft.local/catalog'), dns('localhost')]);
  expect(workloadOf(names, 'weft.local')).toBe('catalog');
});

test.each([
  ['no name at all', []],
  ['no URI', [dns('catalog')]],
  ['two URIs', [url('spiffe://weft.local/catalog'), url('spiffe://weft.local/ordering')]],
  ['another trust domain', [url('spiffe://weft.local.evil/catalog')]],
  ['no path', [url('spiffe://weft.local/')]],
  ['a URI inside of a DNS name', [dns('a, URI:spiffe://weft.local/ordering, b')]],
  ['a URI inside of another URI', [url('http://a/, URI:spiffe://weft.local/ordering, b')]],
])('a certificate with %s names no workload', async (_, names) => {
  expect(workloadOf(await namesOf(names), 'weft.local')).toBeUndefined();
});

test('a connection without a certificate names no workload', () => {
  expect(workloadOf(undefined, 'weft.local')).toBeUndefined();
});
