import type { TlsIdentity } from '../tls.ts';
import type { Authority, IssueOptions } from './certificates.ts';

/** A workload's certificate as the chassis takes it. */
export async function tlsIdentity(
  authority: Authority,
  workload: string,
  options?: IssueOptions,
): Promise<TlsIdentity> {
  const { ca, cert, key } = await authority.issue(workload, options);
  return { ca: Buffer.from(ca), cert: Buffer.from(cert), key: Buffer.from(key) };
}
