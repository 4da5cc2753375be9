/** Where faults are kept in etcd, beside the registrations: `<prefix><workload>/<package.Service/Method>`. */
export const faultsFolder = 'faults/';

/** The keys of a workload's faults begin so, given the prefix of its registrations (`/weft/services/`). */
export function faultPrefix(servicesPrefix: string, workload: string): string {
  return `${servicesPrefix.replace(/services\/$/, faultsFolder)}${workload}/`;
}
