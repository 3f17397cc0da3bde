import type { Caller } from './caller.ts';
import type { Redacted } from './redacted.ts';
import type { SpiffeId } from './spiffe-id.ts';

/** A certificate with its key: one pair that belongs together and has been verified. */
export interface CertificateSecret {
  readonly kind: 'certificate';
  /** A digest of the content: equal content has an equal version, across streams, agents and restarts. */
  readonly version: string;
  readonly spiffeId: SpiffeId;
  /** PEM, leaf first, without a self-signed root, a newline after each block. */
  readonly chainPem: Buffer;
  readonly privateKeyPem: Redacted<Buffer>;
  /** The leaf's serial number in lower-case hex. */
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** The roots of one trust domain. */
export interface BundleSecret {
  readonly kind: 'bundle';
  readonly version: string;
  readonly trustDomain: string;
  /** PEM of all roots, sorted, each once, a newline after each block. Never empty. */
  readonly rootsPem: Buffer;
  readonly rootCount: number;
  /** When the first of the roots expires. */
  readonly notAfterMs: number;
}

/** The roots of every known trust domain, for Envoy's SPIFFE certificate validator. */
export interface AllBundlesSecret {
  readonly kind: 'all-bundles';
  readonly version: string;
  readonly bundles: readonly BundleSecret[];
}

export type Secret = CertificateSecret | BundleSecret | AllBundlesSecret;
export type SecretKind = Secret['kind'];

/** What a name on a stream stands for: one secret, for one caller. */
export type SecretRef =
  | { readonly kind: 'certificate'; readonly caller: Caller }
  | { readonly kind: 'bundle'; readonly trustDomain: string }
  | { readonly kind: 'all-bundles' };
