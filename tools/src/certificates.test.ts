import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority } from '@weft/chassis/testing/certificates';
import { expect, test } from '@jest/globals';
import { ensureCertificates, identityFiles } from './certificates.ts';
import { writePrivate } from './private-file.ts';
import { workloads } from './workloads.ts';

test('certificates are made once, and again when they are about to end or their authority changed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'weft-certs-'));
  try {
    const names = [...workloads.map(({ name }) => name), 'operator'];
    expect(await ensureCertificates(folder)).toEqual(names);
    expect(await ensureCertificates(folder)).toEqual([]);
    const { ca, cert, key } = identityFiles(folder, 'edge');
    expect((await stat(key)).mode & 0o077).toBe(0);
    const authority = await createAuthority({
      existing: {
        ca: await readFile(ca, 'utf8'),
        key: await readFile(join(folder, 'certs', 'ca.key'), 'utf8'),
      },
    });
    writePrivate(cert, (await authority.issue('edge', { validMs: 86_400_000 })).cert);
    expect(await ensureCertificates(folder)).toEqual(['edge']);
    await rm(join(folder, 'certs', 'ca.key'));
    expect(await ensureCertificates(folder)).toEqual(names);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
