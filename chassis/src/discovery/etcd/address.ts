/** Where the registrations are: nodes of etcd, and a prefix for all keys. */
export interface EtcdAddress {
  /** `host:port` */
  readonly hosts: readonly string[];
  readonly tls: boolean;
  /** `/weft/services/`, below the path of the URL if it has one. */
  readonly prefix: string;
}

/** What etcd wants to see of whoever uses it. The files, PEM, are those of REGISTRY_CA_FILE and so on. */
export interface EtcdAccess {
  /** Authorities of etcd's certificate. Default: those that Node trusts. */
  readonly caFile?: string | undefined;
  /** A certificate chain for etcd to check, and its key. */
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
}

/**
 * Reads `etcd://host:port[,host:port…][/prefix]`, or `etcds://…` for TLS. Throws what is wrong with it,
 * without repeating it: it may hold a password, which belongs elsewhere.
 */
export function parseEtcdUrl(url: string): EtcdAddress {
  const [, secure, list = '', path = ''] = /^etcd(s?):\/\/([^/]+)(\/.*)?$/.exec(url) ?? [];
  if (list.includes('@')) throw new Error('holds a user: set REGISTRY_USER and REGISTRY_PASSWORD instead');
  const hosts = list.split(',');
  if (!hosts.every((host) => /^(?:[\w.-]+|\[[0-9a-fA-F:]+\]):\d{1,5}$/.test(host)))
    throw new Error('is no etcd://host:port[,host:port][/prefix], nor etcds://…');
  return { hosts, tls: secure === 's', prefix: `${path.replace(/\/+$/, '')}/weft/services/` };
}

/**
 * Throws what cannot go together: a password without a user or over plaintext, a certificate without its
 * key, files where there is no TLS.
 */
export function checkAccess({ tls }: EtcdAddress, access: EtcdAccess): void {
  const { caFile, certFile, keyFile, user, password } = access;
  if (!tls && (caFile ?? certFile ?? keyFile) !== undefined)
    throw new Error(
      'is not etcds://, so REGISTRY_CA_FILE, REGISTRY_CERT_FILE and REGISTRY_KEY_FILE have no use',
    );
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new Error('needs REGISTRY_CERT_FILE and REGISTRY_KEY_FILE together or not at all');
  if ((user === undefined) !== (password === undefined))
    throw new Error('needs REGISTRY_USER and REGISTRY_PASSWORD together or not at all');
  if (user !== undefined && !tls) throw new Error('is not etcds://, and a password goes over TLS alone');
}

/** The end of the range of keys that begin with `prefix`: its last byte plus one. */
export function prefixEnd(prefix: string): Buffer {
  const end = Buffer.from(prefix);
  end.writeUInt8(end.readUInt8(end.length - 1) + 1, end.length - 1);
  return end;
}
