import type { KeySpec } from '../core/key-spec.ts';
import type { SpiffeId } from '../core/spiffe-id.ts';

/** Which certificate authorities sign, and how hard they may be asked. */
export interface CaSettings {
  /** Names of providers, the preferred one first, the others for when it fails. Never empty. */
  readonly providers: readonly string[];
  /** `host:port` or `unix:/path`. */
  readonly address: string | undefined;
  /** A PEM file with the roots that verify the CA's server certificate. */
  readonly rootCaFile: string | undefined;
  /** The name to expect in the CA's server certificate, where it is not the address's. */
  readonly serverName: string | undefined;
  /** Path or package of an ES module that makes a `CaProvider`. */
  readonly customModule: string | undefined;
  /** The cluster that callers are in, for CAs that serve several. */
  readonly clusterId: string | undefined;
  /** What Citadel is sent with each request, by lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  /** Requests at the CA at the same time, at most. */
  readonly maxInflight: number;
  /** Certificates asked for within a second, at most. */
  readonly maxPerSecond: number;
  readonly timeoutMs: number;
}

export interface VaultSettings {
  readonly address: string | undefined;
  readonly role: string | undefined;
  readonly authPath: string;
  readonly signCsrPath: string | undefined;
  /** PEM, with real line breaks. */
  readonly tlsRootCert: string | undefined;
  readonly namespace: string | undefined;
}

/** What certificates are asked for, and when they are renewed. */
export interface CertificatesSettings {
  readonly ttlMs: number;
  /** Renew when this share of the real lifetime is left, in (0, 1) … */
  readonly gracePeriodRatio: number;
  /** … give or take up to this much, drawn once for each certificate; at most half the way to 0 or 1. */
  readonly gracePeriodRatioJitter: number;
  readonly key: KeySpec;
  /** Whether private keys are written as PKCS#8, not as SEC 1 or PKCS#1. */
  readonly pkcs8: boolean;
  /** How long an identity without streams is kept. */
  readonly forgetAfterMs: number;
}

/** `service-account`: the pods of one account on the node share a certificate. `pod`: each pod has its own. */
export type IdentitySharing = 'service-account' | 'pod';

export type VerifierName = 'kubernetes' | 'jwks' | 'embedded';

/** Where the public keys of a token issuer are: a JSON Web Key Set in a file, or behind a URL (https, or http to loopback). */
export type JwksLocation =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'url'; readonly url: string };

/** What becomes of a call whose token is bound to another pod than its process is in. `off`: nobody looks. */
export type PeerAttestation = 'off' | 'warn' | 'enforce';

export interface IdentitySettings {
  readonly trustDomain: string;
  readonly sharing: IdentitySharing;
  /** A token is good if one of them accepts it. Never empty. */
  readonly verifiers: readonly VerifierName[];
  /** A token must be made for one of these. Never empty. */
  readonly audiences: readonly string[];
  /** Undefined: the keys of the cluster, where there is one. */
  readonly jwks: JwksLocation | undefined;
  /** The `iss` that a token must have; undefined: any whose keys are in the key set. */
  readonly issuer: string | undefined;
  /** JSON, see `parsePolicy`; undefined: everybody whose token is good is served. */
  readonly policyFile: string | undefined;
  readonly peerAttestation: PeerAttestation;
  /** `request`: callers without a token are served too, with one that the agent asks for. */
  readonly workloadTokens: 'projected' | 'request';
}

/** How the Kubernetes API server is reached. */
export interface KubernetesApiSettings {
  /** `https://host:port`, without a path. */
  readonly server: string;
  /** PEM roots that verify it; undefined: Node's own. */
  readonly caFile: string | undefined;
  /** The agent's own bearer token; undefined: it shows none. */
  readonly tokenFile: string | undefined;
}

export interface KubernetesSettings {
  /** Undefined outside a cluster, where no setting names a server. */
  readonly api: KubernetesApiSettings | undefined;
  /** The node that the agent runs on. */
  readonly nodeName: string | undefined;
}

/** The socket that workloads connect to, and the names that they ask for. The names are a `ResourceNames` of core. */
export interface SdsSettings {
  readonly socketPath: string;
  /** Permission bits, for example 0o666. */
  readonly socketMode: number;
  /** The group that shall own the socket; undefined: the process's own. */
  readonly socketGid: number | undefined;
  readonly svidNames: readonly string[];
  readonly bundleNames: readonly string[];
  readonly allBundlesName: string;
}

/** The SPIFFE Workload API. */
export interface WorkloadApiSettings {
  /** Undefined: it is off. */
  readonly socketPath: string | undefined;
  /** Permission bits. */
  readonly socketMode: number;
  /** The group that shall own the socket; undefined: the process's own. */
  readonly socketGid: number | undefined;
  /** Who the users of this machine are, by user id. Empty in a cluster. */
  readonly identityOfUid: ReadonlyMap<number, SpiffeId>;
  readonly jwtTtlMs: number;
}

/** Which secrets in files are passed on to callers. */
export interface FileSecretsSettings {
  /** Absolute, without a slash at the end; `{namespace}` in one is the caller's. None: the feature is off. */
  readonly directories: readonly string[];
}

/** The TLS Secrets of gateways. */
export interface GatewaySettings {
  /** Of the Secrets, and of the gateways that may have them. */
  readonly namespace: string;
  readonly socketPath: string;
}

/** What peers may take of the SDS socket. */
export interface LimitSettings {
  readonly connectionsPerPeer: number;
  readonly streamsPerPeer: number;
  /** In the long run … */
  readonly newStreamsPerSecond: number;
  /** … and at once. Of one peer. */
  readonly newStreamsBurst: number;
  readonly streamsPerIdentity: number;
}

export interface AdminSettings {
  readonly socketPath: string;
}

/** HTTP servers for operators. A port of 0 is any free one, undefined is none. */
export interface MonitoringSettings {
  readonly address: string;
  readonly port: number | undefined;
  /** On loopback only. */
  readonly debugPort: number | undefined;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFormat = 'json' | 'text';

export interface LogSettings {
  readonly level: LogLevel;
  /** Undefined: the caller chooses, text on a terminal and JSON elsewhere. */
  readonly format: LogFormat | undefined;
}

/** Everything that an operator can set, checked, with defaults filled in. Times are milliseconds. */
export interface Settings {
  readonly ca: CaSettings;
  readonly vault: VaultSettings;
  readonly certificates: CertificatesSettings;
  readonly identity: IdentitySettings;
  readonly kubernetes: KubernetesSettings;
  readonly sds: SdsSettings;
  readonly workloadApi: WorkloadApiSettings;
  readonly fileSecrets: FileSecretsSettings;
  /** Undefined: none are served. */
  readonly gateway: GatewaySettings | undefined;
  readonly limits: LimitSettings;
  readonly admin: AdminSettings;
  readonly monitoring: MonitoringSettings;
  readonly log: LogSettings;
  /** Where the embedded CA and the development issuer keep their keys. */
  readonly stateDir: string;
  /** How long streams may take to end after a stop is asked for. */
  readonly drainTimeoutMs: number;
  /** Every setting's text by the name of its variable, as it was given or by default: for custom CA modules. */
  readonly written: ReadonlyMap<string, string>;
}
