import type { ForeignKind } from './secret.ts';
import type { SpiffeId } from './spiffe-id.ts';

/** The state of one identity's certificate in the cache. */
export type CertificateState = 'wanted' | 'issuing' | 'ready' | 'renewing' | 'stale';

/**
 * How bad it is that an identity has no new certificate, from the first failure on. `failing`: more than two thirds of
 * the time between the renewal that was due and the expiry are left; `pressing`: more than one third; `critical`: less;
 * `expired`: nothing is served; `waiting`: there never was a certificate.
 */
export type RenewalAlarm = 'failing' | 'pressing' | 'critical' | 'expired' | 'waiting';

/** One identity as `status` shows it. Times are wall-clock milliseconds. */
export interface IdentityStatus {
  readonly spiffeId: SpiffeId;
  /** Present where each pod has its own certificate. */
  readonly podUid?: string;
  readonly state: CertificateState;
  /** Present where something has failed since the last success and a stream uses the identity. */
  readonly alarm?: RenewalAlarm;
  readonly serial?: string;
  /** When the certificate was obtained. */
  readonly issuedAtMs?: number;
  /** The leaf's notBefore, which CAs put into the past. */
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
  /** When the next renewal, or the next try, is due. */
  readonly nextRenewalMs?: number;
  readonly rotations: number;
  readonly streams: number;
  readonly lastError?: { readonly code: string; readonly message: string; readonly atMs: number };
}

export interface BundleStatus {
  readonly trustDomain: string;
  readonly version: string;
  readonly roots: number;
  readonly notAfterMs: number;
  readonly streams: number;
}

/**
 * The state of a secret that the agent only passes on. `wanted`: it was never there, or never good; `ready`: what is
 * there is served; `stale`: what is there cannot be served, the last good content is; `gone`: nothing is there any
 * more, the last good content is served.
 */
export type ForeignState = 'wanted' | 'ready' | 'stale' | 'gone';

/** A secret that the agent only passes on, as `status` shows it. Times are wall-clock milliseconds. */
export interface ForeignStatus {
  readonly kind: ForeignKind;
  /** As Envoys ask for it. */
  readonly name: string;
  readonly state: ForeignState;
  /** The leaf's, where it is a certificate. */
  readonly serial?: string;
  readonly version?: string;
  /** When this content was first seen. */
  readonly changedAtMs?: number;
  /** Of the leaf, or of the first of the roots. */
  readonly notAfterMs?: number;
  readonly streams: number;
  /** Present where `state` is not `ready`. */
  readonly lastError?: { readonly code: string; readonly message: string; readonly atMs: number };
}

/** A subscribed name that nothing is served under yet: unknown to the agent, or not ready. */
export interface PendingName {
  readonly name: string;
  readonly streams: number;
}

export interface CaHealth {
  readonly provider: string;
  /** False from the first failed request until one succeeds again. */
  readonly healthy: boolean;
  readonly lastSuccessMs?: number;
  readonly lastError?: { readonly code: string; readonly message: string; readonly atMs: number };
}

/** The policy that holds. */
export interface PolicyStatus {
  readonly file: string;
  readonly rules: number;
  readonly loadedAtMs: number;
  /** Why the file as it is now does not hold; absent where it does. */
  readonly lastError?: { readonly code: string; readonly message: string; readonly atMs: number };
}

/** Everything that `status`, `/api/status` and the status page show. */
export interface AgentStatus {
  readonly version: string;
  readonly trustDomain: string;
  readonly startedAtMs: number;
  readonly nowMs: number;
  readonly connections: number;
  readonly streams: number;
  readonly identities: readonly IdentityStatus[];
  readonly bundles: readonly BundleStatus[];
  readonly foreign: readonly ForeignStatus[];
  readonly pending: readonly PendingName[];
  readonly ca: readonly CaHealth[];
  /** Absent where everybody may be served. */
  readonly policy?: PolicyStatus;
  /** Unmet readiness conditions; empty when ready. */
  readonly unready: readonly string[];
}

/** One served resource of one stream, for Istio's `/debug/sds/workload`. No key. */
export interface ServedResource {
  readonly connectionId: number;
  /** The Node id of the Envoy. */
  readonly proxy: string;
  readonly resourceName: string;
  readonly certificateChainPem?: string;
  readonly rootCertPem?: string;
  /** The leaf's notBefore; bundles have none. */
  readonly createdMs?: number;
  readonly expiresMs: number;
}

/** What the monitoring, debug and admin servers may ask of a running agent. */
export interface AgentView {
  status(): AgentStatus;
  served(): readonly ServedResource[];
}

/** What the admin socket may make a running agent do. Every promise rejects with an `AgentError`. */
export interface AgentControl {
  /** Renews now; resolves when the new certificates have been published. Names them by SPIFFE ID. */
  rotate(which: { readonly spiffeId: SpiffeId } | 'all', signal: AbortSignal): Promise<readonly SpiffeId[]>;
  /** Replaces the embedded CA's root; `onProgress` is told each step, for people. */
  rotateRoot(onProgress: (step: string) => void, signal: AbortSignal): Promise<void>;
}
