import { checkFault, type Fault } from '@weft/chassis/faults/fault';
import { faultPrefix } from '@weft/chassis/faults/fault-keys';
import { base64, etcdBase, post, rangeOf, text } from './etcd-gateway.ts';

const servicesPrefix = '/weft/services/';
const allFaults = faultPrefix(servicesPrefix, '').replace(/\/$/, '');

/** A fault as it stands in etcd. */
export interface SetFault {
  readonly workload: string;
  /** `package.Service/Method`, or `*` for all of the workload's. */
  readonly method: string;
  readonly fault: Fault;
}

/** The faults that are set. Throws if etcd does not answer. `registry`: as REGISTRY takes it. */
export async function listFaults(registry: string): Promise<readonly SetFault[]> {
  const { kvs = [] } = await post<{ kvs?: { key: string; value: string }[] }>(
    etcdBase(registry),
    'kv/range',
    rangeOf(allFaults),
  );
  return kvs.map(({ key, value }) => {
    const [workload = '', ...method] = text(key).slice(allFaults.length).split('/');
    return { workload, method: method.join('/'), fault: checkFault(JSON.parse(text(value))) };
  });
}

/** Sets a fault in place of an earlier one of its method. Its key is under a lease that ends with it. */
export async function setFault(
  registry: string,
  {
    workload,
    method,
    ...fault
  }: Omit<Fault, 'untilMs'> & { readonly workload: string; readonly method: string },
  seconds: number,
): Promise<Fault> {
  const set = checkFault({ ...fault, untilMs: Date.now() + seconds * 1_000 });
  const base = etcdBase(registry);
  const { ID: lease } = await post<{ ID: string }>(base, 'lease/grant', { TTL: String(Math.ceil(seconds)) });
  await post(base, 'kv/put', {
    key: base64(`${faultPrefix(servicesPrefix, workload)}${method}`),
    value: base64(JSON.stringify(set)),
    lease,
  });
  return set;
}

/** Takes back every fault, or those of one workload, or of one of its methods; answers how many. */
export async function clearFaults(registry: string, workload?: string, method?: string): Promise<number> {
  const prefix = workload === undefined ? allFaults : faultPrefix(servicesPrefix, workload);
  const range = method === undefined ? rangeOf(prefix) : { key: base64(`${prefix}${method}`) };
  const { deleted = '0' } = await post<{ deleted?: string }>(etcdBase(registry), 'kv/deleterange', range);
  return Number(deleted);
}
