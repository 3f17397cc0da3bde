import { AgentError, toAgentError } from '../core/agent-error.ts';
import type { Caller, Identity, Token } from '../core/caller.ts';
import type { TokenMeter } from '../core/meters.ts';
import type { Authenticator, Call, Metadata } from '../core/rpc.ts';
import type { VerifiedToken } from '../core/token-verifier.ts';
import { tokenOf } from './credentials.ts';
import type { RememberingVerifier } from './remembered.ts';

export interface TokenAuthenticatorOptions {
  readonly verifier: RememberingVerifier;
  readonly meter: TokenMeter;
  /** Who shares a key: all pods of a service account, or nobody. */
  readonly sharing: 'service-account' | 'pod';
}

/** Knows callers by the service-account token in their metadata. */
export class TokenAuthenticator implements Authenticator<Caller> {
  readonly #verifier: RememberingVerifier;
  readonly #meter: TokenMeter;
  readonly #sharing: 'service-account' | 'pod';

  constructor({ verifier, meter, sharing }: TokenAuthenticatorOptions) {
    this.#verifier = verifier;
    this.#meter = meter;
    this.#sharing = sharing;
  }

  recognize(call: Call): Caller | undefined {
    try {
      const token = tokenOf(call.metadata);
      const verified = this.#verifier.recall(token);
      return verified && this.#toCaller(call, token, verified);
    } catch {
      // `authenticate` says what is wrong.
      return undefined;
    }
  }

  async authenticate(call: Call): Promise<Caller> {
    const token = this.#tokenOf(call.metadata);
    // A known token does not even need the call's signal to be made.
    const verified = this.#verifier.recall(token) ?? (await this.#verifier.verify(token, call.signal));
    return this.#toCaller(call, token, verified);
  }

  #toCaller(call: Call, token: Token, verified: VerifiedToken): Caller {
    const { expiresAtMs: tokenExpiresAtMs, podUid } = verified;
    const identity = this.#identityOf(verified);
    call.callerKnown();
    return { identity, token, tokenExpiresAtMs, ...(podUid !== undefined && { podUid }) };
  }

  #tokenOf(metadata: Metadata): Token {
    try {
      return tokenOf(metadata);
    } catch (thrown) {
      this.#meter.verified(this.#verifier.name, toAgentError(thrown).code);
      throw thrown;
    }
  }

  #identityOf({ spiffeId, podUid }: VerifiedToken): Identity {
    if (this.#sharing === 'service-account') return { spiffeId, key: spiffeId };
    if (podUid === undefined) {
      throw new AgentError(
        'token-rejected',
        'the token is not accepted: it is bound to no pod, and here each pod has its own certificate; use a projected token',
      );
    }
    return { spiffeId, key: `${spiffeId}#${podUid}` };
  }
}
