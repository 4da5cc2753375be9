import { randomBytes, X509Certificate } from 'node:crypto';
import { createAuthority } from '@weft/chassis/testing/certificates';
import type { SecretData, SecretStore } from './secret-store.ts';

const hourMs = 3_600_000;
/** Of the authority: it is for development, and nothing rolls it over. */
const authorityMs = 10 * 365 * 24 * hourMs;

const random = () => randomBytes(18).toString('base64url');

/** What a Secret holds; what is there already stays, whatever `make` would make. */
async function ensure(
  store: SecretStore,
  name: string,
  make: () => SecretData | Promise<SecretData>,
): Promise<SecretData> {
  const made = await make();
  return (await store.create(name, made)) ? made : (await store.read(name)).data;
}

/**
 * Makes an authority (`<release>-authority`) and a certificate for each workload, `<release>-<workload>-tls` as
 * cert-manager writes it: tls.crt, tls.key, ca.crt. One past half of its `validHours`, or of another authority or
 * trust domain, is replaced. Returns the workloads whose certificate is new.
 */
export async function ensureWorkloadCertificates(
  store: SecretStore,
  release: string,
  workloads: readonly string[],
  { trustDomain, validHours }: { readonly trustDomain: string; readonly validHours: number },
): Promise<readonly string[]> {
  const { 'ca.crt': ca = '', 'ca.key': key = '' } = await ensure(store, `${release}-authority`, async () => {
    const fresh = await createAuthority({ trustDomain, validMs: authorityMs });
    return { 'ca.crt': fresh.ca, 'ca.key': fresh.key };
  });
  const authority = await createAuthority({ trustDomain, existing: { ca, key } });
  const issued: string[] = [];
  for (const workload of workloads) {
    const name = `${release}-${workload}-tls`;
    const issue = async () => {
      const identity = await authority.issue(workload, { validMs: validHours * hourMs });
      return { 'tls.crt': identity.cert, 'tls.key': identity.key, 'ca.crt': ca };
    };
    // Created first, read after: a Role from before this workload may create, and not yet read.
    if (await store.create(name, await issue())) {
      issued.push(workload);
      continue;
    }
    const { data, version } = await store.read(name);
    if (isGood(data, ca, `spiffe://${trustDomain}/${workload}`, validHours)) continue;
    await store.replace(name, await issue(), version);
    issued.push(workload);
  }
  return issued;
}

function isGood(data: SecretData, ca: string, id: string, validHours: number): boolean {
  const pem = data['tls.crt'];
  if (pem === undefined || data['ca.crt'] !== ca) return false;
  const certificate = new X509Certificate(pem);
  const leftMs = certificate.validToDate.getTime() - Date.now();
  return (
    certificate.subjectAltName?.includes(`URI:${id}`) === true &&
    certificate.verify(new X509Certificate(ca).publicKey) &&
    leftMs > (validHours * hourMs) / 2
  );
}

/**
 * Makes `<release>-databases` (the DATABASE_URL of each service) and `<release>-mysql` (root's password, and the
 * statements of MySQL's first start): a database and a user for each service, who may do nothing elsewhere.
 */
export async function ensureDatabaseSecrets(
  store: SecretStore,
  release: string,
  services: readonly string[],
): Promise<void> {
  const urls = await ensure(store, `${release}-databases`, () =>
    Object.fromEntries(
      services.map((name) => {
        const own = `weft_${name.replaceAll('-', '_')}`;
        return [name, `mysql://${own}:${random()}@${release}-mysql:3306/${own}`];
      }),
    ),
  );
  await ensure(store, `${release}-mysql`, () => ({
    password: random(),
    'init.sql': Object.values(urls).map(statements).join(''),
  }));
}

function statements(databaseUrl: string): string {
  const { username, password } = new URL(databaseUrl);
  return [
    `CREATE DATABASE \`${username}\` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;`,
    `CREATE USER '${username}'@'%' IDENTIFIED BY '${password}';`,
    // In a grant `_` is a wildcard.
    `GRANT ALL ON \`${username.replaceAll('_', '\\_')}\`.* TO '${username}'@'%';\n`,
  ].join('\n');
}

/** Makes `<release>-secrets`: identity's key-encryption key, and the login of the first admin. */
export async function ensureIdentitySecrets(store: SecretStore, release: string): Promise<void> {
  await ensure(store, `${release}-secrets`, () => ({
    'key-encryption.key': `${randomBytes(32).toString('base64')}\n`,
    email: 'admin@weft.local',
    password: random(),
  }));
}
