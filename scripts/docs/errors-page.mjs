import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const SOURCE = join(import.meta.dirname, '../../src/core/agent-error.ts');

const INTRODUCTION = `# Errors

<!-- Made by scripts/generate-docs.mjs from src/core/agent-error.ts and scripts/docs/errors-page.mjs. Change it there. -->

Every error has a code. It is the \`code\` of an error in the log, in \`status\`, in REST answers and in metrics; it never
changes its meaning, messages may. The message names the thing and says what to do.

- *disposition*: \`transient\` is tried again soon; \`permanent\` in the slow lane, because somebody has to act, but nothing
  gives up; \`bug\` is ours. [operations.md](operations.md#retry-schedule) has the schedule.
- *gRPC*, *HTTP*: the status that a caller sees on the SDS socket.
- *exit*: the exit status of a command that ends with it.
`;

/** What each code means, and what to do about it; completeness is checked below. */
const TEXTS = {
  'token-missing': [
    'The call carries no token; or a command cannot read its token file.',
    'Let Envoy send the token: `envoy-config` shows how. Look at the path, and at the mount in the pod.',
  ],
  'token-ambiguous': [
    'The call carries several different tokens.',
    'Send one: look for two of `authorization` and the two Istio headers in the Envoy configuration.',
  ],
  'token-malformed': [
    'The token is not a JSON Web Token, is longer than 16 KiB, or its `-bin` header is not base64.',
    'Look at what is in the token file.',
  ],
  'token-rejected': [
    'The token is well formed and not accepted: signature, algorithm, issuer, audience, not-before or subject are wrong; or, with `IDENTITY_SHARING=pod`, it is bound to no pod. The message says which.',
    'Compare `TOKEN_AUDIENCES`, `TOKEN_ISSUER` and `TOKEN_JWKS` with the claims of the token. Behind a new key of the issuer it heals within ten seconds.',
  ],
  'token-expired': [
    'The token has expired. In `status`: a renewal is due and no valid token of this identity is known.',
    'Make sure that the token file is replaced in time and that Envoy reads it again; see [operations.md](operations.md#token-expiry).',
  ],
  'token-verifier-unavailable': [
    'The agent cannot tell whether a token is good: the API server does not review it, the key set cannot be read, or the key file of the development issuer is broken or readable by others.',
    'Look at `TOKEN_JWKS` or the API server and the way to it, or at the file that the message names.',
  ],
  'token-source-unavailable': [
    'The agent could not get a token for a workload that brings none (`WORKLOAD_TOKENS=request`).',
    'The message says what the API server answered; see [kubernetes.md](kubernetes.md#workloads-without-a-token).',
  ],
  'peer-unknown': [
    'With `PEER_ATTESTATION=enforce`: the kernel does not tell which pod the process that connected is in. It is gone, the agent cannot see it, or its cgroup names no pod clearly; the message says which.',
    'A process that is gone comes back on a new connection. Where it is all of them, the agent lacks `hostPID`: `check` says so. See [security.md](security.md#which-process-is-connected).',
  ],
  'peer-refused': [
    'With `PEER_ATTESTATION=enforce`: the process that connected runs outside all pods, or in another pod than the one that its token is bound to, or its token is bound to no pod.',
    'Let each pod use its own projected token. A process that shows a token of another pod has stolen it, or was given it: the log has its process and user id, and the pods.',
  ],
  'identity-denied': [
    'On the SPIFFE Workload API: the caller has no identity here, or asks for a JWT-SVID of another one.',
    'The log line has the reason, the pid and the uid. See [workload-api.md](workload-api.md#who-is-calling).',
  ],
  'identity-not-allowed': [
    'The caller is known, and `POLICY_FILE` does not allow the identity: the message has the rule that denies it, or says that none applies.',
    'Change the policy, or the service account of the pod. The agent takes a new file over by itself.',
  ],
  'request-invalid': [
    'The request cannot be understood, names another resource type, or asks an API version for what that cannot express safely.',
    'The message says what. Usually the Envoy configuration mixes v2 and v3.',
  ],
  'request-name-unknown': [
    'Nothing is served to this caller under that name or path; or `rotate --identity` names an identity that is not held.',
    'Use the names in [sds.md](sds.md#names), or add the name to `SDS_DEFAULT_SVID_NAMES` or `SDS_DEFAULT_BUNDLE_NAMES`.',
  ],
  'request-too-large': ['A message or a body is larger than 4 MiB.', 'No Envoy sends that: find out who connects.'],
  'request-unimplemented': [
    'There is no such gRPC method, the message is compressed, or `rotate --root` was asked of a CA that keeps its root itself.',
    'Look at the service name and the compression in the client.',
  ],
  'request-cancelled': ['The caller went away, or a command was interrupted.', 'Nothing.'],
  'request-deadline-exceeded': [
    'The deadline that the caller set has passed, or a message did not arrive whole within 30 seconds.',
    'Look at the load of the node; a caller may allow more time.',
  ],
  'secret-not-ready': [
    'The secret is not there yet: a fetch waited five seconds, `rotate` a minute.',
    '`status` shows the state and the last error of the identity.',
  ],
  'secret-unusable': [
    'A secret that the agent only passes on (a file, a Kubernetes Secret) cannot be served as it is: certificate and key are no pair, one of them cannot be read, it has expired, or it leads out of `FILE_SECRET_DIRS`. It is in `status` and in the log only; callers are answered with silence, and keep what they have.',
    'The message says what is wrong with which file or Secret. What is mended is served at once.',
  ],
  'secret-gone': [
    'A secret that the agent only passes on is not there, or not there any more. What was served stays.',
    'Put it back, or take the name out of the Envoy configuration.',
  ],
  'reauthentication-needed': [
    'The agent ended this stream so that Envoy comes back with a fresh token. One stream of an identity at a time.',
    'Nothing, when it happens now and then. When it repeats, the token file is not replaced: see `token-expired`.',
  ],
  'limit-exceeded': [
    'A limit was reached: one of those in [configuration.md](configuration.md#limits), 1,000 names on a stream, 2,048 characters in a name, the memory for messages that are arriving; with `ca`, 256 requests that are being answered; or a root replacement runs already.',
    'The message says which. No Envoy comes near these limits: look for one that opens streams over and over, or raise the limit. An agent to which `ca` says it comes back after its backoff.',
  ],
  'shutting-down': ['The agent is ending. Envoy keeps what it has and reconnects.', 'Nothing.'],
  'ca-unavailable': [
    'The CA cannot be reached.',
    'Look at the CA and the way to it; valid certificates are still served.',
  ],
  'ca-timeout': [
    'The CA did not answer within `CA_TIMEOUT`, or the request was given up.',
    'The same; or allow more time.',
  ],
  'ca-overloaded': [
    'The CA asks to come back later.',
    'Lower `CA_MAX_RPS` or `CA_MAX_INFLIGHT`, or give the CA more room.',
  ],
  'ca-token-rejected': [
    'The CA does not accept the token of the workload.',
    'Compare audience and issuer with what the CA expects. A fresher token is tried at once.',
  ],
  'ca-permission-denied': ['The CA knows the caller and refuses him.', 'Look at the roles and policies of the CA.'],
  'ca-request-refused': [
    'The CA refuses the request itself: key kind, key size or lifetime; or a step of a root replacement came out of turn.',
    'Look at `ECC_*`, `WORKLOAD_RSA_KEY_SIZE` and `SECRET_TTL`.',
  ],
  'ca-answer-invalid': [
    'What the CA answered failed verification: wrong name, wrong key, not valid now, no way to a root, wrong usage. It was not served.',
    'The message names the fault. Look at the CA, at its roots, and at both clocks.',
  ],
  'ca-state-broken': [
    'The state of the embedded CA is not usable: broken, readable by others, of another trust domain, gone, or expired. Nothing was overwritten.',
    'The message names the file and the remedy: `chmod`, restore a backup, set `TRUST_DOMAIN` back, or move the file away to begin with a new CA.',
  ],
  'kubernetes-unavailable': [
    'The Kubernetes API server cannot be reached, its certificate does not verify, or it answers with an error of its own.',
    'Look at the API server and the way to it, at `KUBERNETES_API_SERVER` and `KUBERNETES_API_CA_FILE`. [kubernetes.md](kubernetes.md#when-the-api-server-is-down) says what goes on working.',
  ],
  'kubernetes-timeout': ['The Kubernetes API server did not answer in time.', 'The same; look at its load.'],
  'kubernetes-overloaded': [
    'The Kubernetes API server asks to come back later (429).',
    'Look at its flow control (`FlowSchema`), and at who else asks it.',
  ],
  'kubernetes-credential-unusable': [
    "The agent's own credential for the Kubernetes API is not accepted, or its files cannot be read.",
    "Look at `KUBERNETES_API_TOKEN_FILE` and `KUBERNETES_API_CA_FILE`, and whether the agent's pod mounts a token of its service account.",
  ],
  'kubernetes-permission-denied': [
    "The agent's service account may not do this.",
    'The message names the rule that is missing; see [kubernetes.md](kubernetes.md#what-the-agent-has-to-be-allowed).',
  ],
  'kubernetes-request-refused': [
    'The Kubernetes API server does not do what was asked: the pod or the service account is gone, or it does not know the resource.',
    'The message names the reason that it gave.',
  ],
  'kubernetes-answer-invalid': [
    'What answers is no Kubernetes API server, or says what cannot be understood.',
    'Look at `KUBERNETES_API_SERVER`, and at proxies on the way.',
  ],
  'kubernetes-gone': [
    'A watch was resumed from where the API server remembers nothing any more (410).',
    'Nothing: the agent reads everything again.',
  ],
  'settings-invalid': [
    'A setting, a flag or a command is not allowed, or not in this build. All faults are listed at once.',
    'Correct what the message lists; see [configuration.md](configuration.md).',
  ],
  'socket-unusable': [
    'A socket or port cannot be opened, or no agent answers on the admin socket.',
    'The message says why: another agent serves it, the directory is missing or not writable, the port is taken.',
  ],
  internal: ['A bug.', 'Report it with the log line: it holds the stack, and neither keys nor tokens.'],
};

/** docs/errors.md: every `ErrorCode` with what it means and what to do. Fails while a code has no row, or a row no code. */
export async function errorsPage(load) {
  const { AgentError } = await load('core/agent-error.js');
  const { toGrpcStatus, toHttpStatus } = await load('core/grpc-status.js');
  const { toExitCode } = await load('cli/exit-code.js');
  const rows = declaredCodes().map((code) => {
    const error = new AgentError(code, '');
    const [means, todo] = TEXTS[code];
    const statuses = [error.disposition, toGrpcStatus(code), toHttpStatus(code), toExitCode(error)];
    return `| \`${[code, ...statuses].join('` | `')}\` | ${means} | ${todo} |`;
  });
  const head = ['| code | disposition | gRPC | HTTP | exit | means | what to do |', '|---|---|---|---|---|---|---|'];
  return [INTRODUCTION, ...head, ...rows, ''].join('\n');
}

/** Read from the source, because a type is gone from the build. */
function declaredCodes() {
  const [, union = ''] = /type ErrorCode =([^;]*);/.exec(readFileSync(SOURCE, 'utf8')) ?? [];
  const codes = Array.from(union.matchAll(/'([a-z-]+)'/g), ([, code]) => code);
  const undescribed = codes.filter((code) => !Object.hasOwn(TEXTS, code));
  const undeclared = Object.keys(TEXTS).filter((code) => !codes.includes(code));
  if (codes.length === 0 || undescribed.length > 0 || undeclared.length > 0) {
    const lists = `without a text: ${undescribed.join(', ') || 'none'}; unknown: ${undeclared.join(', ') || 'none'}`;
    throw new Error(`scripts/docs/errors-page.mjs does not fit ErrorCode: ${lists}`);
  }
  return codes;
}
