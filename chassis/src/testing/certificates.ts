import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 86_400_000;
/** Clocks of two machines differ a little. */
const backdateMs = 5 * 60_000;

/** PEM texts as TLS_CA_FILE, TLS_CERT_FILE and TLS_KEY_FILE hold them. */
export interface Identity {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** What a certificate says. */
export interface IssueOptions {
  /** DNS names and IP addresses that the certificate is good for. Default: localhost, 127.0.0.1, ::1. */
  readonly hosts?: readonly string[];
  /** Default: 30 days. Negative: already expired. */
  readonly validMs?: number;
  /** Default: the authority's. */
  readonly trustDomain?: string;
}

/** A certificate authority. Everything is PEM. */
export interface Authority {
  /** The CA's certificate. */
  readonly ca: string;
  /** The CA's private key, to keep (0600) and to give to `createAuthority` again. */
  readonly key: string;
  /** A new key and certificate with the URI SAN `spiffe://<trust domain>/<workload>`, good for client and server. */
  issue(workload: string, options?: IssueOptions): Promise<Identity>;
}

/** What an authority is; every value has a default. */
export interface AuthorityOptions {
  /** Default: weft.local. */
  readonly trustDomain?: string;
  /** Default: 365 days. */
  readonly validMs?: number;
  /** An authority made before, to go on with. */
  readonly existing?: { readonly ca: string; readonly key: string };
}

/** A certificate authority for development and tests (ECDSA P-256). */
export async function createAuthority(options: AuthorityOptions = {}): Promise<Authority> {
  const { trustDomain = 'weft.local', validMs = 365 * dayMs, existing } = options;
  const keys = existing === undefined ? await newKeys() : await importKeys(existing);
  const certificate =
    existing === undefined
      ? await x509.X509CertificateGenerator.createSelfSigned({
          name: 'CN=Weft development CA',
          ...validity(validMs),
          keys,
          signingAlgorithm: algorithm,
          extensions: [
            new x509.BasicConstraintsExtension(true, 0, true),
            new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
            await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
          ],
        })
      : new x509.X509Certificate(existing.ca);
  const ca = certificate.toString('pem');
  return {
    ca,
    key: await privateKeyPem(keys),
    issue: async (
      workload,
      { hosts = ['localhost', '127.0.0.1', '::1'], validMs = 30 * dayMs, ...rest } = {},
    ) => {
      const own = await newKeys();
      const cert = await x509.X509CertificateGenerator.create({
        subject: `CN=${workload}`,
        issuer: certificate.subject,
        ...validity(validMs),
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: algorithm,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          new x509.ExtendedKeyUsageExtension([
            x509.ExtendedKeyUsage.serverAuth,
            x509.ExtendedKeyUsage.clientAuth,
          ]),
          new x509.SubjectAlternativeNameExtension([
            { type: 'url', value: `spiffe://${rest.trustDomain ?? trustDomain}/${workload}` },
            ...hosts.map((value) => ({
              type: /^[\d.]+$|:/.test(value) ? ('ip' as const) : ('dns' as const),
              value,
            })),
          ]),
          await x509.AuthorityKeyIdentifierExtension.create(certificate),
          await x509.SubjectKeyIdentifierExtension.create(own.publicKey),
        ],
      });
      return { ca, cert: cert.toString('pem'), key: await privateKeyPem(own) };
    },
  };
}

function validity(validMs: number) {
  const now = Date.now();
  const notAfter = now + validMs;
  return { notBefore: new Date(Math.min(now, notAfter) - backdateMs), notAfter: new Date(notAfter) };
}

function newKeys() {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

async function importKeys(existing: { readonly ca: string; readonly key: string }) {
  const der = x509.PemConverter.decodeFirst(existing.key);
  return {
    privateKey: await webcrypto.subtle.importKey('pkcs8', der, algorithm, true, ['sign']),
    publicKey: await new x509.X509Certificate(existing.ca).publicKey.export(),
  };
}

async function privateKeyPem(keys: { readonly privateKey: webcrypto.CryptoKey }): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
}
