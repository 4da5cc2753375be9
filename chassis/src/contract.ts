import type { DescMethod, DescService, FileRegistry } from '@bufbuild/protobuf';
import type { Priority } from './call-context.ts';

/** Who may call a method (weft.v1.Access). `denied`: the contract says nothing, so nobody may. */
export type AccessRule =
  | { readonly kind: 'denied' }
  | { readonly kind: 'public' }
  | { readonly kind: 'user' }
  | { readonly kind: 'roles'; readonly roles: readonly string[] }
  | { readonly kind: 'services'; readonly services: readonly string[] };

/** A method's part in a saga, as `weft.v1.SagaMethod.Kind` has it. */
export type SagaKind =
  | 'START'
  | 'STEP'
  | 'UNDO'
  | 'FINAL'
  | 'COMMIT'
  | 'ABORT'
  | 'OUTCOME'
  | 'LOG'
  | 'DECIDE'
  | 'MUST';

/** A method's part in a saga (weft.v1.SagaMethod). Methods are paths: `/pkg.Service/Method`. */
export interface SagaRule {
  readonly name: string;
  readonly kind: SagaKind;
  readonly next?: string;
  readonly undo?: string;
  readonly final?: string;
  readonly deadlineMs?: number;
  /** Of a DECIDE. */
  readonly must?: readonly string[];
}

/** What the contract says of one method. */
export interface MethodRule {
  /** As on the wire: `/shop.catalog.v1.ProductService/GetProduct`. */
  readonly path: string;
  /** The gRPC service's full name: `shop.catalog.v1.ProductService`. */
  readonly service: string;
  /** The workload that serves it (weft.v1.served_by), if the contract says so. */
  readonly servedBy?: string;
  readonly access: AccessRule;
  /** The longest a call may take; absent for streams. */
  readonly timeoutMs?: number;
  /** Attempts in all, 1 to 3. */
  readonly maxAttempts: number;
  readonly idempotent: boolean;
  /** So long an attempt may go unanswered before a second one is sent beside it; absent: none is. Milliseconds. */
  readonly hedgeAfterMs?: number;
  readonly priority: Priority;
  readonly streaming: boolean;
  readonly saga?: SagaRule;
  readonly descriptor: DescMethod;
}

/** A descriptor set, read: the registry of its types and the rules of its methods. */
export interface Contract {
  readonly registry: FileRegistry;
  readonly services: ReadonlyMap<string, DescService>;
  readonly methods: ReadonlyMap<string, MethodRule>;
  /** The encoded set, for reflection. */
  readonly bytes: Uint8Array;
}
