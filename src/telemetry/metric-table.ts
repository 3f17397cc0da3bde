import type { CaErrorCode, ErrorCode } from '../core/agent-error.ts';
import type { CaOperation, IgnoredRoot, PeerVerdict, RenewalResult, WorkloadApiMethod } from '../core/meters.ts';
import type { PeerLimit } from '../core/peer-limit.ts';
import type { ForeignKind, SecretKind } from '../core/secret.ts';
import type { CertificateState, ForeignState, RenewalAlarm } from '../core/status-report.ts';

/** Every metric of the agent's own carries this prefix. */
export const METRIC_PREFIX = 'sds_agent_';

export interface MetricDeclaration {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** Each label with all the values that it can take, or with a phrase where a setting decides them. */
  readonly labels: Readonly<Record<string, readonly string[] | string>>;
  /** Upper bounds, in seconds. */
  readonly buckets?: readonly number[];
}

/** The keys of a record, typed. */
export function keysOf<T extends object>(record: T): Extract<keyof T, string>[] {
  const keys: Extract<keyof T, string>[] = [];
  for (const key in record) keys.push(key);
  return keys;
}

type CaResult = 'ok' | CaErrorCode | 'other';
type TokenResult = 'ok' | 'remembered' | Extract<ErrorCode, `token-${string}`> | 'other';

// Written as records, so that the compiler proves each list complete.
const SECRET_KINDS = keysOf({
  certificate: true,
  bundle: true,
  'all-bundles': true,
  'file-certificate': true,
  'file-bundle': true,
  'gateway-certificate': true,
  'gateway-bundle': true,
} satisfies Record<SecretKind, true>);
/** Of secrets that the agent only passes on. */
export const FOREIGN_KINDS = keysOf({
  'file-certificate': true,
  'file-bundle': true,
  'gateway-certificate': true,
  'gateway-bundle': true,
} satisfies Record<ForeignKind, true>);
export const FOREIGN_STATES = keysOf({ wanted: true, ready: true, stale: true, gone: true } satisfies Record<
  ForeignState,
  true
>);
export const CERTIFICATE_STATES = keysOf({
  wanted: true,
  issuing: true,
  ready: true,
  renewing: true,
  stale: true,
} satisfies Record<CertificateState, true>);
const RENEWAL_ALARMS = keysOf({
  failing: true,
  pressing: true,
  critical: true,
  expired: true,
  waiting: true,
} satisfies Record<RenewalAlarm, true>);
const RENEWAL_RESULTS = keysOf({
  issued: true,
  failed: true,
  refused: true,
  token_expired: true,
} satisfies Record<RenewalResult, true>);
const IGNORED_ROOTS = keysOf({ unusable: true, expired: true } satisfies Record<IgnoredRoot, true>);
const PEER_LIMITS = keysOf({
  connections: true,
  connections_per_peer: true,
  streams_per_peer: true,
  new_streams: true,
  streams_per_identity: true,
  health_watches: true,
} satisfies Record<PeerLimit, true>);
const CA_OPERATIONS = keysOf({ sign: true, roots: true } satisfies Record<CaOperation, true>);
const CA_RESULTS = keysOf({
  ok: true,
  'ca-unavailable': true,
  'ca-timeout': true,
  'ca-overloaded': true,
  'ca-token-rejected': true,
  'ca-permission-denied': true,
  'ca-request-refused': true,
  'ca-answer-invalid': true,
  'ca-state-broken': true,
  other: true,
} satisfies Record<CaResult, true>);
const TOKEN_RESULTS = keysOf({
  ok: true,
  remembered: true,
  'token-missing': true,
  'token-ambiguous': true,
  'token-malformed': true,
  'token-rejected': true,
  'token-expired': true,
  'token-verifier-unavailable': true,
  'token-source-unavailable': true,
  other: true,
} satisfies Record<TokenResult, true>);
const PEER_VERDICTS = keysOf({
  ok: true,
  'other-pod': true,
  'no-pod': true,
  'unbound-token': true,
  unknown: true,
} satisfies Record<PeerVerdict, true>);
const WORKLOAD_API_METHODS = keysOf({
  FetchX509SVID: true,
  FetchX509Bundles: true,
  FetchJWTSVID: true,
  FetchJWTBundles: true,
  ValidateJWTSVID: true,
} satisfies Record<WorkloadApiMethod, true>);
const WORKLOAD_API_RESULTS = [
  'ok',
  'identity-denied',
  'request-invalid',
  'request-unimplemented',
  'secret-not-ready',
  'token-verifier-unavailable',
  'other',
] as const satisfies readonly (ErrorCode | 'ok' | 'other')[];
const PROVIDERS = 'the names in `CA_PROVIDER`';

/** Every metric of the agent's own, by name without the prefix. The document `docs/metrics.md` is made from it. */
export const METRICS = {
  build_info: {
    type: 'gauge',
    help: 'Always 1; the labels say what runs.',
    labels: { version: "the agent's version", node_version: "Node's version" },
  },
  streams: { type: 'gauge', help: 'Open secret streams.', labels: {} },
  connections: { type: 'gauge', help: 'Open connections to the SDS socket, or to the port of `ca`.', labels: {} },
  limit_refusals_total: {
    type: 'counter',
    help: 'What was refused or closed because a limit on peers was reached, by the limit.',
    labels: { limit: PEER_LIMITS },
  },
  pending_subscriptions: {
    type: 'gauge',
    help: 'Names that streams are subscribed to and nothing is served under yet: unknown, or not ready.',
    labels: {},
  },
  responses_total: {
    type: 'counter',
    help: 'Resources sent in discovery responses.',
    labels: { kind: SECRET_KINDS },
  },
  acks_total: {
    type: 'counter',
    help: 'Answers of Envoys to what they were sent; a nack is a secret that Envoy refused, stale an answer to an earlier response.',
    labels: { result: ['ack', 'nack', 'stale'] },
  },
  push_delay_seconds: {
    type: 'histogram',
    help: 'From the change of a secret to its response being handed to the transport, per stream.',
    labels: {},
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
  },
  first_secret_seconds: {
    type: 'histogram',
    help: "From a stream's first request to its first response; long when a certificate had to be issued for it.",
    labels: {},
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  },
  secrets: {
    type: 'gauge',
    help: 'Secrets that the agent keeps. A stale certificate is one whose renewal has failed or lacks a token; it is served until it expires. A stale one of a file or of a gateway is the last good content of a source that is broken now, gone of one that is not there any more.',
    labels: { kind: ['certificate', 'bundle', ...FOREIGN_KINDS], status: [...CERTIFICATE_STATES, 'gone'] },
  },
  secret_earliest_expiry_timestamp_seconds: {
    type: 'gauge',
    help: 'When the first of the secrets that are kept expires, in Unix time; absent while there is none.',
    labels: { kind: ['certificate', 'bundle', ...FOREIGN_KINDS] },
  },
  overdue_identities: {
    type: 'gauge',
    help: 'Identities with streams that could not be renewed: failing with more than two thirds of the time until expiry left, pressing with more than one, critical with less; expired; or waiting for a first certificate.',
    labels: { alarm: RENEWAL_ALARMS },
  },
  renewals_total: {
    type: 'counter',
    help: 'Ended issuances, first ones and renewals: issued, failed at the CA, refused by our verification of what it answered, or not possible because the token that is remembered has expired.',
    labels: { result: RENEWAL_RESULTS },
  },
  ca_requests_total: {
    type: 'counter',
    help: 'Ended requests to the certificate authority.',
    labels: { provider: PROVIDERS, operation: CA_OPERATIONS, result: CA_RESULTS },
  },
  ca_request_duration_seconds: {
    type: 'histogram',
    help: 'How long requests to the certificate authority took, failed ones too.',
    labels: { provider: PROVIDERS, operation: CA_OPERATIONS },
    buckets: [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  },
  ca_inflight: { type: 'gauge', help: 'Requests to the certificate authority that are running.', labels: {} },
  ca_retries_total: {
    type: 'counter',
    help: 'Requests to the certificate authority that were made again after a failure.',
    labels: { provider: PROVIDERS },
  },
  token_verifications_total: {
    type: 'counter',
    help: 'Verified tokens of callers; remembered is one that was verified before and has not expired.',
    labels: {
      verifier: 'the names in `TOKEN_VERIFIER`, or `attested` for callers without a token',
      result: TOKEN_RESULTS,
    },
  },
  peer_attestations_total: {
    type: 'counter',
    help: 'Calls whose token was compared with the pod of the process that connected: ok; in another pod than the token is bound to, outside all pods, with a token that is bound to no pod, or in a pod that the kernel does not tell. All but ok are refused with `PEER_ATTESTATION=enforce`, and served with `warn`.',
    labels: { result: PEER_VERDICTS },
  },
  policy_reads_total: {
    type: 'counter',
    help: 'Policies that were read from `POLICY_FILE` because it had changed: loaded, or refused because it is broken, so that the old one still holds.',
    labels: { result: ['loaded', 'refused'] },
  },
  bundle_roots: {
    type: 'gauge',
    help: 'Root certificates in the trust bundles that are kept, with those that only older certificates still need.',
    labels: {},
  },
  roots_ignored_total: {
    type: 'counter',
    help: 'Roots that were left out of the bundle, counted with each answer of the certificate authority: no CA certificates, or expired.',
    labels: { reason: IGNORED_ROOTS },
  },
  workload_api_streams: { type: 'gauge', help: 'Open streams of the SPIFFE Workload API.', labels: {} },
  workload_api_connections: {
    type: 'gauge',
    help: 'Open connections to the socket of the SPIFFE Workload API.',
    labels: {},
  },
  workload_api_requests_total: {
    type: 'counter',
    help: 'Requests to the SPIFFE Workload API by how they went: ok, for a stream with its first answer, or the code of the error.',
    labels: { method: WORKLOAD_API_METHODS, result: WORKLOAD_API_RESULTS },
  },
} as const satisfies Readonly<Record<string, MetricDeclaration>>;

export type MetricName = keyof typeof METRICS;
