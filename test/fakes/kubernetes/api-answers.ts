import type { KubeObject } from './kubernetes-objects.ts';

/** What the server answers in place of what it would. */
export interface CannedApiAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text is sent as it is, anything else as JSON. */
  readonly body?: unknown;
}

/** A Status object (meta/v1). */
export function failure(code: number, reason: string, message: string, details?: object): CannedApiAnswer {
  const head = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure' };
  return { status: code, body: { ...head, message, reason, ...(details && { details }), code } };
}

/** 404 for one object. */
export function notFound(kind: string, name: string): CannedApiAnswer {
  return failure(404, 'NotFound', `${kind} "${name}" not found`, { name, kind });
}

/** 410. */
export function expired(message: string): CannedApiAnswer {
  return failure(410, 'Expired', message);
}

/** 400 for a field selector. */
export function unknownField(query: URLSearchParams): CannedApiAnswer {
  return failure(400, 'BadRequest', `field label not supported: ${query.get('fieldSelector')?.split('=')[0]}`);
}

/** Why a token is not bound to this pod; undefined: it is. */
export function refuseBinding(
  pod: KubeObject,
  serviceAccount: KubeObject,
  uid: string | undefined,
): CannedApiAnswer | undefined {
  const { name } = pod.metadata;
  const account = serviceAccount.metadata.name;
  if (pod.spec?.serviceAccountName !== account) {
    const message = `cannot bind token for serviceaccount "${account}" to pod running with different serviceaccount name.`;
    return failure(400, 'BadRequest', message);
  }
  if (uid === undefined || uid === '' || uid === pod.metadata.uid) return undefined;
  const message =
    `Operation cannot be fulfilled on Pod "${name}": the UID in the bound object reference (${uid}) does not match ` +
    'the UID in record. The object might have been deleted and then recreated';
  return failure(409, 'Conflict', message, { name, kind: 'Pod' });
}
