import { AgentError, toAgentError } from '../core/agent-error.ts';
import type { Caller } from '../core/caller.ts';
import type { TokenMeter } from '../core/meters.ts';
import type { Authenticator, Call } from '../core/rpc.ts';
import { serviceAccountId } from '../core/spiffe-id.ts';
import type { WorkloadToken, WorkloadTokens } from '../core/workload-tokens.ts';

/** In the place of a verifier's name, in metrics. */
const NAME = 'attested';

export interface AttestedAuthenticatorOptions {
  readonly tokens: WorkloadTokens;
  readonly trustDomain: string;
  /** Who shares a key: all pods of a service account, or nobody. */
  readonly sharing: 'service-account' | 'pod';
  readonly meter: TokenMeter;
}

/**
 * Knows callers by the kernel's word alone: the pod of the process that connected. Nothing that a caller sends counts.
 * The token that a CA wants to see is asked of the API server; so is the pod's service account.
 *
 * Rejects with `peer-refused` for a process in no pod, `peer-unknown` where the kernel does not tell, `token-rejected`
 * for a pod that the API server does not know here, and `token-source-unavailable` while it gives no token.
 */
export class AttestedAuthenticator implements Authenticator<Caller> {
  readonly #tokens: WorkloadTokens;
  readonly #trustDomain: string;
  readonly #sharing: 'service-account' | 'pod';
  readonly #meter: TokenMeter;

  constructor({ tokens, trustDomain, sharing, meter }: AttestedAuthenticatorOptions) {
    this.#tokens = tokens;
    this.#trustDomain = trustDomain;
    this.#sharing = sharing;
    this.#meter = meter;
  }

  recognize(call: Call): Caller | undefined {
    const attestation = call.peer?.attestation;
    if (attestation?.kind !== 'pod') return undefined;
    const { podUid } = attestation;
    const token = this.#tokens.recall(podUid);
    if (token === undefined) return undefined;
    this.#meter.verified(NAME, 'remembered');
    return this.#toCaller(call, podUid, token);
  }

  async authenticate(call: Call): Promise<Caller> {
    try {
      const podUid = podOf(call);
      const token = await this.#tokens.obtain(podUid, call.signal);
      this.#meter.verified(NAME, 'ok');
      return this.#toCaller(call, podUid, token);
    } catch (thrown) {
      this.#meter.verified(NAME, toAgentError(thrown).code);
      throw thrown;
    }
  }

  #toCaller(call: Call, podUid: string, { namespace, serviceAccount, token, expiresAtMs }: WorkloadToken): Caller {
    const spiffeId = serviceAccountId(this.#trustDomain, namespace, serviceAccount);
    const key = this.#sharing === 'service-account' ? spiffeId : `${spiffeId}#${podUid}`;
    call.callerKnown();
    return {
      identity: { spiffeId, key },
      token,
      tokenExpiresAtMs: expiresAtMs,
      podUid,
      freshToken: (signal) => this.#tokens.obtain(podUid, signal),
    };
  }
}

function podOf({ peer }: Call): string {
  const attestation = peer?.attestation ?? { kind: 'unknown', reason: 'the kernel does not say who has connected' };
  switch (attestation.kind) {
    case 'pod':
      return attestation.podUid;
    case 'no-pod':
      throw new AgentError('peer-refused', 'no token, and the process that connected is in no pod');
    case 'unknown': {
      const which = 'no token, and which pod the process that connected is in cannot be told';
      throw new AgentError('peer-unknown', `${which}: ${attestation.reason}`);
    }
  }
}
