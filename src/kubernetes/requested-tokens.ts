import { AgentError, toAgentError } from '../core/agent-error.ts';
import { parseIsoTime } from '../core/calendar.ts';
import type { Clock } from '../core/clock.ts';
import { Redacted } from '../core/redacted.ts';
import type { WorkloadToken, WorkloadTokens } from '../core/workload-tokens.ts';
import { BoundedMap } from '../runtime/bounded-map.ts';
import { waitFor } from '../runtime/wait-for.ts';
import type { KubernetesClient } from './kubernetes-client.ts';
import { type NodePod, PodDirectory, type PodDirectoryOptions } from './pod-directory.ts';
import { readText } from './read-path.ts';

/** What Kubernetes itself asks for where a pod does not say; never less than ten minutes. */
const LIFE_SECONDS = 3600;
/** The share of its life after which kubelet replaces a projected token. */
const RENEWED_AFTER = 0.8;
/** So long a refusal stands: every stream of a pod would ask again otherwise. */
const REFUSED_FOR_MS = 5000;
const REFUSALS_CAPACITY = 1000;

interface HeldToken {
  readonly token: WorkloadToken;
  readonly renewAtMs: number;
}

export interface RequestedTokensOptions extends Omit<PodDirectoryOptions, 'onGone'> {
  readonly client: Pick<KubernetesClient, 'ask' | 'watch'>;
  readonly audience: string;
  /** Ends requests that are under way: each may have several callers, so no single caller ends it. */
  readonly lifetime: AbortSignal;
}

/**
 * Asks the API server for tokens of the pods of this node (authentication.k8s.io/v1, TokenRequest), each bound to its
 * pod: the API server refuses it as soon as the pod is gone. One is kept for each pod, until the pod is gone.
 */
export class RequestedTokens implements WorkloadTokens {
  readonly #client: Pick<KubernetesClient, 'ask'>;
  readonly #audience: string;
  readonly #lifetime: AbortSignal;
  readonly #clock: Clock;
  readonly #nodeName: string;
  readonly #pods: PodDirectory;
  readonly #held = new Map<string, HeldToken>();
  readonly #refused: BoundedMap<{ readonly error: AgentError; readonly untilMs: number }>;
  readonly #inFlight = new Map<string, Promise<WorkloadToken>>();

  constructor({ audience, lifetime, ...options }: RequestedTokensOptions) {
    this.#client = options.client;
    this.#audience = audience;
    this.#lifetime = lifetime;
    this.#clock = options.clock;
    this.#nodeName = options.nodeName;
    this.#refused = new BoundedMap(REFUSALS_CAPACITY, ({ untilMs }) => untilMs <= options.clock.monotonic());
    this.#pods = new PodDirectory({ ...options, onGone: (uid) => this.#held.delete(uid) });
  }

  /** Whether the pods of the node are known. */
  get isReady(): boolean {
    return this.#pods.isSynced;
  }

  /** Follows the pods of the node until the signal aborts. Never rejects. */
  run(signal: AbortSignal): Promise<void> {
    return this.#pods.run(signal);
  }

  recall(podUid: string): WorkloadToken | undefined {
    const held = this.#held.get(podUid);
    return held !== undefined && this.#clock.now() < held.renewAtMs ? held.token : undefined;
  }

  async obtain(podUid: string, signal: AbortSignal): Promise<WorkloadToken> {
    const known = this.recall(podUid);
    if (known !== undefined) return known;
    const refusal = this.#refused.get(podUid);
    if (refusal !== undefined && this.#clock.monotonic() < refusal.untilMs) return this.#orHeld(podUid, refusal.error);
    return await waitFor(this.#start(podUid), signal);
  }

  /** Joins the request that is under way for this pod, or starts one. */
  #start(podUid: string): Promise<WorkloadToken> {
    const running = this.#inFlight.get(podUid);
    if (running !== undefined) return running;
    const started = this.#request(podUid)
      .catch((thrown: unknown) => {
        const error = toSourceError(thrown);
        this.#refused.set(podUid, { error, untilMs: this.#clock.monotonic() + REFUSED_FOR_MS });
        return this.#orHeld(podUid, error);
      })
      .finally(() => this.#inFlight.delete(podUid));
    this.#inFlight.set(podUid, started);
    return started;
  }

  /** One that is due to be renewed is still good. */
  #orHeld(podUid: string, error: AgentError): WorkloadToken {
    const held = this.#held.get(podUid);
    if (held === undefined || held.token.expiresAtMs <= this.#clock.now()) throw error;
    return held.token;
  }

  async #request(podUid: string): Promise<WorkloadToken> {
    const pod = await this.#pods.find(podUid, this.#lifetime);
    if (pod === undefined) throw this.#unknownPod();
    const { namespace, name, serviceAccount } = pod;
    const target = { group: '', version: 'v1', resource: 'serviceaccounts', subresource: 'token' };
    const answer = await this.#client.ask(
      { verb: 'create', target: { ...target, namespace, name: serviceAccount }, body: this.#bodyFor(pod) },
      this.#lifetime,
    );
    const token = readText(answer, 'status', 'token');
    const expiresAtMs = parseIsoTime(readText(answer, 'status', 'expirationTimestamp') ?? '');
    const nowMs = this.#clock.now();
    if (token === undefined || expiresAtMs === undefined || expiresAtMs <= nowMs) {
      throw new AgentError(
        'token-source-unavailable',
        `the API server gave no valid token for pod ${namespace}/${name}`,
      );
    }
    const obtained = { namespace, serviceAccount, token: new Redacted(token), expiresAtMs };
    // It may be gone by now, and then nobody would tell again.
    if (this.#pods.has(podUid))
      this.#held.set(podUid, { token: obtained, renewAtMs: nowMs + RENEWED_AFTER * (expiresAtMs - nowMs) });
    return obtained;
  }

  #bodyFor({ name, uid }: NodePod): object {
    return {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {
        audiences: [this.#audience],
        expirationSeconds: LIFE_SECONDS,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
      },
    };
  }

  #unknownPod(): AgentError {
    if (!this.#pods.isSynced) {
      return new AgentError(
        'token-source-unavailable',
        'the pods of this node are not known yet: the API server does not tell',
      );
    }
    const where = `the API server knows none of its UID on node ${this.#nodeName}`;
    return new AgentError(
      'token-rejected',
      `no token for the pod of the process that connected: ${where}; is NODE_NAME right?`,
    );
  }
}

/** What a refusal of the API server means for the workload. */
function toSourceError(thrown: unknown): AgentError {
  const { code, message, retryAfterMs } = toAgentError(thrown);
  if (code.startsWith('token-')) return toAgentError(thrown);
  // The pod or its service account is gone, or another one by now.
  const isGone = code === 'kubernetes-request-refused';
  const details = { cause: thrown, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  return new AgentError(
    isGone ? 'token-rejected' : 'token-source-unavailable',
    `no token for the workload: ${message}`,
    details,
  );
}
