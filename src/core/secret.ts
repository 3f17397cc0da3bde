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

/** A certificate with its key that somebody else made and keeps: verified to be a pair, and to be valid now. */
interface ForeignCertificate {
  /** A digest of the chain, as of every certificate. */
  readonly version: string;
  /** PEM, leaf first, the others as they are at the source, a newline after each block. */
  readonly chainPem: Buffer;
  readonly privateKeyPem: Redacted<Buffer>;
  /** The leaf's serial number in lower-case hex. */
  readonly serial: string;
  /** Those of the leaf. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Trusted certificates that somebody else keeps. */
type ForeignBundle = Omit<BundleSecret, 'kind' | 'trustDomain'>;

/** A pair of files. */
export interface FileCertificateSecret extends ForeignCertificate {
  readonly kind: 'file-certificate';
}

/** A file of trusted certificates. */
export interface FileBundleSecret extends ForeignBundle {
  readonly kind: 'file-bundle';
}

/** A pair in a Kubernetes Secret. */
export interface GatewayCertificateSecret extends ForeignCertificate {
  readonly kind: 'gateway-certificate';
}

/** Trusted certificates in a Kubernetes Secret. */
export interface GatewayBundleSecret extends ForeignBundle {
  readonly kind: 'gateway-bundle';
}

/** A secret that the agent only passes on. */
export type ForeignSecret = FileCertificateSecret | FileBundleSecret | GatewayCertificateSecret | GatewayBundleSecret;
export type ForeignKind = ForeignSecret['kind'];

export type Secret = CertificateSecret | BundleSecret | AllBundlesSecret | ForeignSecret;
export type SecretKind = Secret['kind'];

/** Secrets that the agent obtains from its CA, for one caller or one trust domain. */
export type IssuedRef =
  | { readonly kind: 'certificate'; readonly caller: Caller }
  | { readonly kind: 'bundle'; readonly trustDomain: string }
  | { readonly kind: 'all-bundles' };

/** Secrets in files. Paths are absolute; what they lead to has to be in or below one of the directories. */
export type FileRef =
  | {
      readonly kind: 'file-certificate';
      readonly chainPath: string;
      readonly keyPath: string;
      readonly directories: readonly string[];
    }
  | { readonly kind: 'file-bundle'; readonly path: string; readonly directories: readonly string[] }
  /** The roots that the operating system trusts, wherever it keeps them. */
  | { readonly kind: 'file-bundle'; readonly path: 'system' };

/** Secrets in Kubernetes, by the name of the Secret; that of a bundle as it was asked for, with its `-cacert`. */
export type GatewayRef = { readonly kind: 'gateway-certificate' | 'gateway-bundle'; readonly secretName: string };

/** What a name on a stream stands for: one secret, for one caller. */
export type SecretRef = IssuedRef | FileRef | GatewayRef;
