import type { Address } from './address.ts';

/** How Envoy asks for secrets; what `--mode` takes. */
export const SDS_MODES = ['google-grpc', 'envoy-grpc', 'delta', 'rest', 'ads'] as const;
export type SdsMode = (typeof SDS_MODES)[number];

/** Which of Envoy's two gRPC clients carries the streams; what `--grpc-client` takes. */
export const GRPC_CLIENTS = ['google-grpc', 'envoy-grpc'] as const;
export type GrpcClient = (typeof GRPC_CLIENTS)[number];

/** Which ends of mutual TLS this Envoy is; what `--role` takes. */
export const ROLES = ['both', 'server', 'client'] as const;
export type Role = (typeof ROLES)[number];

/** How Envoy reaches the agent and shows who it is. */
export interface AgentAccess {
  readonly mode: SdsMode;
  /** Used by all modes but `rest`. */
  readonly grpcClient: GrpcClient;
  readonly socketPath: string;
  readonly tokenFile: string;
  /** The agent knows this Envoy's pod without a token (`WORKLOAD_TOKENS=request`): none is sent. */
  readonly withoutToken?: boolean;
  /** An Envoy secret file that points to the token file; makes Envoy's own client re-read the token. */
  readonly tokenSecretFile: string | undefined;
}

/** Which certificates of the other side are accepted. */
export type AcceptedPeers =
  | { readonly kind: 'exact'; readonly spiffeIds: readonly string[] }
  | { readonly kind: 'trust-domain'; readonly trustDomain: string };

/** Everything that decides what a bootstrap says. */
export interface BootstrapOptions {
  readonly access: AgentAccess;
  readonly nodeId: string;
  readonly nodeCluster: string;
  readonly admin: Address;
  readonly role: Role;
  /** Resource names of the certificates, the first of which the client side presents. Never empty. */
  readonly certificateNames: readonly [string, ...string[]];
  readonly bundleName: string;
  readonly peers: AcceptedPeers;
  /** Where the server side listens for mutual TLS, and the plaintext application behind it. */
  readonly listener: Address;
  readonly app: Address;
  /** Where the client side listens for plaintext, and the mutual TLS peer it talks to. */
  readonly outbound: Address;
  readonly upstream: Address;
  /** After how many requests the client side makes a new connection, and with it a new handshake. */
  readonly requestsPerConnection: number | undefined;
}
