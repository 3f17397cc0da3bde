import type { PeerLimit } from './peer-limit.ts';
import type { SecretKind } from './secret.ts';

/** What each room reports, narrowly; `telemetry` turns it into metrics. Implementations never throw. */

export interface LimitMeter {
  refused(limit: PeerLimit): void;
}

export interface TransportMeter extends LimitMeter {
  connectionOpened(): void;
  connectionClosed(): void;
}

export interface SdsMeter {
  streamOpened(): void;
  streamClosed(): void;
  /** One resource of this kind went out in a response. */
  served(kind: SecretKind): void;
  acknowledged(result: 'ack' | 'nack' | 'stale'): void;
  /** The number of subscribed names that are waiting for content changed by this much. */
  pendingChanged(by: number): void;
  /** From the change of a secret to its response being handed to the transport. */
  pushed(delaySeconds: number): void;
  /** From a stream's first request to its first response. */
  firstServed(delaySeconds: number): void;
}

/** `failed`: the CA gave nothing; `refused`: what it gave was not taken, as it does not verify. */
export type RenewalResult = 'issued' | 'failed' | 'refused' | 'token_expired';

export interface CacheMeter {
  renewed(result: RenewalResult): void;
}

/** Why a root of the CA is not in the bundle: it is no CA certificate, or it has expired. */
export type IgnoredRoot = 'unusable' | 'expired';

export interface BundleMeter {
  /** So many roots of one answer were left out. */
  rootsIgnored(reason: IgnoredRoot, count: number): void;
}

export type CaOperation = 'sign' | 'roots';

export interface CaMeter {
  /** Requests to this provider will be counted: its series begin at zero, so that the first retry shows as a rise. */
  introduced(provider: string): void;
  /** Starts timing one request; call what it returns with `ok` or the error's code. */
  requestStarted(provider: string, operation: CaOperation): (result: string) => void;
  retried(provider: string): void;
}

/**
 * What comparing a call's token with the pod of the process at the other end came to: `ok`, the process is in `other-pod`
 * than the token is bound to, in `no-pod`, or its pod is `unknown`; or the token is bound to no pod.
 */
export type PeerVerdict = 'ok' | 'other-pod' | 'no-pod' | 'unbound-token' | 'unknown';

export interface PeerMeter {
  compared(verdict: PeerVerdict): void;
}

export interface PolicyMeter {
  /** A new policy holds, or the file was broken and the old one still does. */
  policyRead(result: 'loaded' | 'refused'): void;
}

export interface TokenMeter {
  /** `result` is `ok`, `remembered` or the error's code. */
  verified(verifier: string, result: string): void;
}

/** The methods of the SPIFFE Workload API, as its specification spells them. */
export type WorkloadApiMethod =
  | 'FetchX509SVID'
  | 'FetchX509Bundles'
  | 'FetchJWTSVID'
  | 'FetchJWTBundles'
  | 'ValidateJWTSVID';

export interface WorkloadApiMeter {
  streamOpened(): void;
  streamClosed(): void;
  /** A request was answered, a stream's for the first time, or refused: `result` is `ok` or the error's code. */
  requested(method: WorkloadApiMethod, result: string): void;
}
