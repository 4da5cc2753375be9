import { metrics } from '@opentelemetry/api';
import type { Logger } from './logger.ts';

/** Why a peer was refused. `workload`: another than this one should be, or none of the mesh. */
export type RefusalReason = 'no_certificate' | 'expired' | 'authority' | 'workload' | 'handshake';

/** A peer that was refused. */
export interface PeerRefusal {
  /** Which side we were. */
  readonly side: 'server' | 'client';
  readonly reason: RefusalReason;
  /** The peer's address. */
  readonly peer: string;
  readonly detail: string;
}

/** The counter: refused peers by `side` and `reason`. */
export const refusalsMetric = 'weft.tls.refused_peers';

/** Another line about the same peer and reason comes after this long at the earliest. */
const quietMs = 60 * 60_000;
const mostRemembered = 1_000;

/** Counts each refused peer, and logs it once an hour for each reason and address, whatever it tries. */
export function createRefusals(logger?: Logger): (refusal: PeerRefusal) => void {
  const refusals = metrics
    .getMeter('@weft/chassis')
    .createCounter(refusalsMetric, { description: 'Peers refused for their certificate' });
  const told = new Map<string, number>();
  return ({ side, reason, peer, detail }) => {
    refusals.add(1, { side, reason });
    const key = `${side} ${reason} ${peer}`;
    const now = Date.now();
    if (logger === undefined || now - (told.get(key) ?? -Infinity) < quietMs) return;
    told.delete(key);
    if (told.size >= mostRemembered) told.delete(told.keys().next().value ?? '');
    told.set(key, now);
    logger.warn({ side, reason, peer, detail }, 'a peer was refused');
  };
}

/** The code of the error of a peer that shows another workload's certificate. */
export const wrongWorkload = 'WEFT_WRONG_WORKLOAD';

const reasons: Readonly<Record<string, RefusalReason>> = {
  CERT_HAS_EXPIRED: 'expired',
  CERT_NOT_YET_VALID: 'expired',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'expired',
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'no_certificate',
  UNABLE_TO_GET_ISSUER_CERT: 'authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'authority',
  SELF_SIGNED_CERT_IN_CHAIN: 'authority',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'authority',
  CERT_SIGNATURE_FAILURE: 'authority',
  INVALID_PURPOSE: 'authority',
  [wrongWorkload]: 'workload',
};

/** By the code of Node's or OpenSSL's error. Undefined: it says nothing about the peer's certificate. */
export function refusalReason(code: string | undefined): RefusalReason | undefined {
  return code === undefined ? undefined : reasons[code];
}
