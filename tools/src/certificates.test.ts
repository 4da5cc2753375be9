import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority } from '@weft/chassis/testing/certificates';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ensureCertificates, identityFiles } from './certificates.ts';
import { writePrivate } from './private-file.ts';
import { workloads } from './workloads.ts';

const dayMs = 86_400_000;
const names = [...workloads.map(({ name }) => name), 'operator'];
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-certs-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const text = (file: string) => readFile(file, 'utf8');
const authorities = async () => (await text(identityFiles(folder, 'edge').ca)).match(/BEGIN/g)?.length;

test('certificates are made once, and again at half of their day or when their authority changed', async () => {
  expect(await ensureCertificates(folder)).toEqual(names);
  expect(await ensureCertificates(folder)).toEqual([]);
  const { ca, cert, key } = identityFiles(folder, 'edge');
  expect((await stat(key)).mode & 0o077).toBe(0);
  const { validToDate } = new X509Certificate(await text(cert));
  expect(validToDate.getTime() - Date.now()).toBeLessThanOrEqual(dayMs);
  expect(await ensureCertificates(folder, { now: () => Date.now() + 0.4 * dayMs })).toEqual([]);
  expect(await ensureCertificates(folder, { now: () => Date.now() + 0.6 * dayMs })).toEqual(names);
  const existing = { ca: await text(ca), key: await text(join(folder, 'certs', 'ca.key')) };
  writePrivate(cert, (await (await createAuthority({ existing })).issue('edge')).cert);
  // Not the key of this certificate.
  expect(await ensureCertificates(folder)).toEqual(['edge']);
  await rm(join(folder, 'certs', 'ca.key'));
  expect(await ensureCertificates(folder)).toEqual(names);
});

test('an authority that ends soon gives way to the next: trusted first, then issuing, then alone', async () => {
  await ensureCertificates(folder);
  const soon = { now: () => Date.now() + 340 * dayMs, settleMs: 0 };
  const { ca, cert } = identityFiles(folder, 'catalog');
  const first = await text(ca);
  const verified = async () => {
    const leaf = new X509Certificate(await text(cert));
    return (await text(ca))
      .split(/(?=-----BEGIN)/)
      .some((pem) => leaf.verify(new X509Certificate(pem).publicKey));
  };
  const step = async (clock: typeof soon) => {
    const made = await ensureCertificates(folder, clock);
    expect(await verified()).toBe(true);
    return made;
  };
  // For the leaves it is always now: only the authority is old.
  await step({ ...soon, settleMs: 60_000 });
  expect(await authorities()).toBe(2);
  expect(new X509Certificate(await text(cert)).verify(new X509Certificate(first).publicKey)).toBe(true);
  // Nobody is hurried: all have to read the bundle before.
  await step({ ...soon, settleMs: 60_000 });
  expect(await authorities()).toBe(2);
  await step({ now: Date.now, settleMs: 0 });
  expect(new X509Certificate(await text(cert)).verify(new X509Certificate(first).publicKey)).toBe(false);
  expect(await authorities()).toBe(2);
  expect(await step({ now: Date.now, settleMs: 0 })).toEqual([]);
  expect(await authorities()).toBe(1);
  expect(await ensureCertificates(folder)).toEqual([]);
});
