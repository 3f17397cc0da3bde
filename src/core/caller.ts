import type { Attestation } from './peer-attestor.ts';
import type { Redacted } from './redacted.ts';
import type { SpiffeId } from './spiffe-id.ts';

/** A bearer token as the workload presented it. */
export type Token = Redacted<string>;

/**
 * Whose certificate it is. Two callers with equal `key` share one key pair and one certificate.
 * The key is the SPIFFE ID alone, or with the pod's UID where each pod has its own (`IDENTITY_SHARING=pod`).
 */
export interface Identity {
  readonly spiffeId: SpiffeId;
  readonly key: string;
}

/** Somebody whose token has been verified. */
export interface Caller {
  readonly identity: Identity;
  readonly token: Token;
  /** Wall-clock milliseconds after which the token must not be used any more. */
  readonly tokenExpiresAtMs: number;
  /** The UID of the pod that the token is bound to; absent where it is bound to none. */
  readonly podUid?: string;
  /** Gets a token that is valid now without the caller; absent where only he can bring one. Rejects with `token-*`. */
  readonly freshToken?: (signal: AbortSignal) => Promise<FreshToken>;
}

export interface FreshToken {
  readonly token: Token;
  /** Wall-clock milliseconds after which the token must not be used any more. */
  readonly expiresAtMs: number;
}

/** Which process is at the other end of a unix socket, as the kernel says (SO_PEERCRED). */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /**
   * What an attestor found out about that process when its connection was accepted; absent where none is asked. The
   * kernel's word alone: nothing that a peer sends can set or change it.
   */
  readonly attestation?: Attestation;
}
