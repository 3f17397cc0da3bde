import { AgentError, type ErrorCode, quoteUntrusted } from '../../core/agent-error.ts';
import { GrpcStatus, type GrpcStatusName } from '../../core/grpc-status.ts';
import { RetryInfo, Status } from '../../gen/grpc/status.ts';
import type { Cleaner } from '../without-secrets.ts';

/** What grpc-js says about a call that failed; `ServiceError` has this shape. */
export interface FailedCall {
  readonly code: number;
  /** The server's own words, or those of grpc-js. Untrusted. */
  readonly details: string;
  readonly metadata: { get(name: string): readonly (string | Buffer)[] };
}

interface Meaning {
  readonly code: ErrorCode;
  /** What happened and where to look. */
  readonly text: string;
}

const BROKEN: Meaning = { code: 'ca-unavailable', text: 'the CA failed: look at its log' };
const REFUSED: Meaning = {
  code: 'ca-request-refused',
  text: 'the CA refused the request: look at its log, and at ECC_SIGNATURE_ALGORITHM and SECRET_TTL',
};
const GIVEN_UP: Meaning = { code: 'ca-timeout', text: 'the CA gave the request up: look at its log' };
/** Not by the agent: a call that it gives up itself is over before the status comes. */
const BROKEN_OFF: Meaning = {
  code: 'ca-unavailable',
  text: 'the CA, or a proxy before it, broke the call off: look at their logs',
};
const DOWN: Meaning = {
  code: 'ca-unavailable',
  text: 'the CA cannot be reached: look at CA_ADDR, and whether it runs',
};

/** What each status of the CA means here. Istiod's own are in security/pkg/server/ca/server.go of istio/istio. */
const MEANINGS = {
  CANCELLED: BROKEN_OFF,
  UNKNOWN: BROKEN,
  INVALID_ARGUMENT: REFUSED,
  DEADLINE_EXCEEDED: GIVEN_UP,
  NOT_FOUND: REFUSED,
  ALREADY_EXISTS: REFUSED,
  PERMISSION_DENIED: {
    code: 'ca-permission-denied',
    text: 'the CA signs nothing for this identity: look at its policy, and at TRUST_DOMAIN',
  },
  RESOURCE_EXHAUSTED: { code: 'ca-overloaded', text: 'the CA is overloaded: look at CA_MAX_INFLIGHT and CA_MAX_RPS' },
  FAILED_PRECONDITION: REFUSED,
  ABORTED: BROKEN,
  OUT_OF_RANGE: REFUSED,
  UNIMPLEMENTED: {
    code: 'ca-answer-invalid',
    text: "what answers does not speak Istio's CA API: look at CA_ADDR",
  },
  INTERNAL: BROKEN,
  UNAVAILABLE: DOWN,
  DATA_LOSS: BROKEN,
  UNAUTHENTICATED: {
    code: 'ca-token-rejected',
    text: 'the CA rejected the token: look at its audience, at who issues it, and at CLUSTER_ID',
  },
} satisfies Record<Exclude<GrpcStatusName, 'OK'>, Meaning>;

/** Why there is no connection, in the words of Node and OpenSSL; the first that fits. */
const CONNECTION_FAULTS: readonly { readonly sign: RegExp; readonly text: string }[] = [
  {
    sign: /altnames/i,
    text: "the CA's server certificate is for another name than CA_ADDR: set CA_SERVER_NAME to the one that it has",
  },
  {
    sign: /certificate has expired|certificate is not yet valid/i,
    text: "the CA's server certificate is not valid now: renew it, or look at the clocks; CA_ROOT_CA may be old as well",
  },
  {
    sign: /self[- ]signed certificate|unable to (?:get|verify)|certificate signature|invalid CA certificate/i,
    text: "the CA's server certificate is not of the roots in CA_ROOT_CA: give it the CA's own",
  },
  {
    sign: /wrong version number|packet length too long/i,
    text: 'what answers at CA_ADDR does not speak TLS: look at the port',
  },
  {
    sign: /SSL routines|before secure TLS connection/i,
    text: 'the TLS handshake with the CA fails: look at CA_ADDR and at the log of the CA',
  },
];

const BY_NUMBER: ReadonlyMap<number, Meaning> = new Map(
  Object.entries(GrpcStatus).flatMap(([name, number]) => (isFailure(name) ? [[number, MEANINGS[name]]] : [])),
);

/** What grpc-js says in place of the server, where the status misleads. */
const OWN_WORDS: readonly { readonly sign: RegExp; readonly meaning: Meaning }[] = [
  {
    sign: /^Received message larger than max/,
    meaning: { code: 'ca-answer-invalid', text: "the CA's answer is too large" },
  },
  {
    sign: /^Protocol not secure enough$/,
    meaning: { code: 'ca-unavailable', text: "the CA refuses this connection's TLS: look at its log" },
  },
];
/** How grpc-js dresses up what Node says. */
const DRESSED = /^No connection established\. Last error: (?:Error(?: \[\w+\])?: )?(.*?)(?:\. Resolution note: .*)?$/s;

/**
 * The error for a call that failed. It quotes the server, which may say anything.
 *
 * @param clean takes out what the server may repeat and nobody may see
 */
export function toStatusError({ code, details, metadata }: FailedCall, clean: Cleaner): AgentError {
  const words = clean(details.replace(DRESSED, '$1').trim());
  const meaning = meaningOf(code, words);
  const text = words === '' ? meaning.text : `${meaning.text}; it says ${quoteUntrusted(words)}`;
  const retryAfterMs = readRetryDelayMs(metadata.get('grpc-status-details-bin')[0]);
  return new AgentError(meaning.code, text, { retryAfterMs });
}

/**
 * Whether a call may have failed through the connection, or through the replica of the CA at its other end, so that a
 * new connection may mend it.
 */
export function isOfConnection({ code, details }: Pick<FailedCall, 'code' | 'details'>): boolean {
  return ['ca-unavailable', 'ca-timeout'].includes(meaningOf(code, details).code);
}

/** Whether grpc-js has thrown this for a call that failed. */
export function isFailedCall(thrown: unknown): thrown is FailedCall {
  return thrown instanceof Error && 'code' in thrown && 'details' in thrown && 'metadata' in thrown;
}

function meaningOf(code: number, words: string): Meaning {
  const own = OWN_WORDS.find(({ sign }) => sign.test(words));
  if (own !== undefined) return own.meaning;
  // gRPC: a number that one does not know is UNKNOWN.
  const meaning = BY_NUMBER.get(code) ?? MEANINGS.UNKNOWN;
  if (meaning !== DOWN) return meaning;
  const fault = CONNECTION_FAULTS.find(({ sign }) => sign.test(words));
  return fault === undefined ? DOWN : { code: 'ca-unavailable', text: fault.text };
}

/** The break that the server asks for (google.rpc.RetryInfo), if it does. */
function readRetryDelayMs(statusDetails: string | Buffer | undefined): number | undefined {
  if (!(statusDetails instanceof Buffer)) return undefined;
  try {
    const info = Status.decode(statusDetails).details.find(({ typeUrl }) => typeUrl.endsWith('/google.rpc.RetryInfo'));
    const delay = info && RetryInfo.decode(info.value).retryDelay;
    return delay && delay.seconds * 1000 + delay.nanos / 1e6;
  } catch {
    return undefined;
  }
}

function isFailure(name: string): name is keyof typeof MEANINGS {
  return name in MEANINGS;
}
