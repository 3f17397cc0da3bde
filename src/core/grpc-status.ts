import type { ErrorCode } from './agent-error.ts';

/** The canonical gRPC status codes (grpc/grpc, doc/statuscodes.md). */
export const GrpcStatus = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

export type GrpcStatusName = keyof typeof GrpcStatus;

const STATUS_OF_CODE = {
  'token-missing': 'UNAUTHENTICATED',
  'token-ambiguous': 'UNAUTHENTICATED',
  'token-malformed': 'UNAUTHENTICATED',
  'token-rejected': 'UNAUTHENTICATED',
  'token-expired': 'UNAUTHENTICATED',
  'token-verifier-unavailable': 'UNAVAILABLE',
  'token-source-unavailable': 'UNAVAILABLE',
  'peer-unknown': 'UNAUTHENTICATED',
  'peer-refused': 'PERMISSION_DENIED',
  'identity-denied': 'PERMISSION_DENIED',
  'identity-not-allowed': 'PERMISSION_DENIED',
  'request-invalid': 'INVALID_ARGUMENT',
  'request-name-unknown': 'NOT_FOUND',
  'request-too-large': 'RESOURCE_EXHAUSTED',
  'request-unimplemented': 'UNIMPLEMENTED',
  'request-cancelled': 'CANCELLED',
  'request-deadline-exceeded': 'DEADLINE_EXCEEDED',
  'secret-not-ready': 'UNAVAILABLE',
  'secret-unusable': 'UNAVAILABLE',
  'secret-gone': 'UNAVAILABLE',
  'reauthentication-needed': 'UNAVAILABLE',
  'limit-exceeded': 'RESOURCE_EXHAUSTED',
  'shutting-down': 'UNAVAILABLE',
  'ca-unavailable': 'UNAVAILABLE',
  'ca-timeout': 'UNAVAILABLE',
  'ca-overloaded': 'UNAVAILABLE',
  'ca-token-rejected': 'UNAUTHENTICATED',
  'ca-permission-denied': 'PERMISSION_DENIED',
  'ca-request-refused': 'FAILED_PRECONDITION',
  'ca-answer-invalid': 'UNAVAILABLE',
  'ca-state-broken': 'UNAVAILABLE',
  'kubernetes-unavailable': 'UNAVAILABLE',
  'kubernetes-timeout': 'UNAVAILABLE',
  'kubernetes-overloaded': 'UNAVAILABLE',
  'kubernetes-credential-unusable': 'UNAVAILABLE',
  'kubernetes-permission-denied': 'UNAVAILABLE',
  'kubernetes-request-refused': 'UNAVAILABLE',
  'kubernetes-answer-invalid': 'UNAVAILABLE',
  'kubernetes-gone': 'UNAVAILABLE',
  'settings-invalid': 'INTERNAL',
  'socket-unusable': 'INTERNAL',
  internal: 'INTERNAL',
} satisfies Record<ErrorCode, GrpcStatusName>;

/** The gRPC status that a peer sees for an error code. */
export function toGrpcStatus(code: ErrorCode): GrpcStatusName {
  return STATUS_OF_CODE[code];
}

const HTTP_OF_STATUS: Partial<Record<GrpcStatusName, number>> = {
  INVALID_ARGUMENT: 400,
  FAILED_PRECONDITION: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  RESOURCE_EXHAUSTED: 429,
  CANCELLED: 499,
  UNIMPLEMENTED: 501,
  UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
};

/** The HTTP status that stands for an error code over REST (the mapping of google.rpc.Code). */
export function toHttpStatus(code: ErrorCode): number {
  if (code === 'request-too-large') return 413;
  return HTTP_OF_STATUS[toGrpcStatus(code)] ?? 500;
}
