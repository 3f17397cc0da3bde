import { type AgentError, toAgentError } from '../core/agent-error.ts';
import type { Caller, Identity, Token } from '../core/caller.ts';
import type { IdentityStatus } from '../core/status-report.ts';
import { Audience } from '../runtime/audience.ts';
import { alarmOf } from './alarm.ts';
import {
  failed,
  type IdentityEntry,
  issued,
  postponed,
  servable,
  started,
  stateOf,
  tokenless,
  WANTED,
} from './identity-entry.ts';
import type { IssuedCertificate } from './issuer.ts';

interface Waiter {
  /** The first attempt that counts for it: one that had begun before it came does not. */
  readonly fromAttempt: number;
  readonly settle: (error: AgentError | undefined) => void;
}

/** One identity in the cache: its entry, the freshest token that was shown for it, and who listens. */
export class IdentitySlot {
  readonly identity: Identity;
  readonly audience = new Audience();
  #entry: IdentityEntry = WANTED;
  #token: Token;
  #tokenExpiresAtMs: number;
  #freshToken: Caller['freshToken'];
  #tokenRequests = 0;
  #lacksToken = false;
  #attempts = 0;
  #isRevoked = false;
  #waiters: Waiter[] = [];

  constructor(caller: Caller) {
    this.identity = caller.identity;
    this.#token = caller.token;
    this.#tokenExpiresAtMs = caller.tokenExpiresAtMs;
    this.#freshToken = caller.freshToken;
  }

  /** Nothing of it may be served or made any more. */
  get isRevoked(): boolean {
    return this.#isRevoked;
  }

  get entry(): IdentityEntry {
    return this.#entry;
  }

  servable(nowMs: number): IssuedCertificate | undefined {
    return servable(this.#entry, nowMs);
  }

  /** How long the certificate is still served; undefined: none is. */
  lifeLeftMs(nowMs: number): number | undefined {
    const held = this.servable(nowMs);
    return held && held.notAfterMs - nowMs;
  }

  /** The certificate that was not valid yet when it was issued, if it is now. */
  pendingAt(nowMs: number): IssuedCertificate | undefined {
    const { pending } = this.#entry;
    return pending !== undefined && pending.notBeforeMs <= nowMs && nowMs < pending.notAfterMs ? pending : undefined;
  }

  /** Takes the caller's token if it lasts longer than the one that is known. Returns whether it was waited for. */
  learnToken(caller: Caller): boolean {
    if (caller.tokenExpiresAtMs <= this.#tokenExpiresAtMs) return false;
    this.#token = caller.token;
    this.#tokenExpiresAtMs = caller.tokenExpiresAtMs;
    this.#freshToken = caller.freshToken;
    this.#tokenRequests = 0;
    const waitedFor = this.#lacksToken || this.#entry.lastFailure?.error.code === 'ca-token-rejected';
    this.#lacksToken = false;
    return waitedFor;
  }

  /**
   * The token to show to the CA: the freshest that was shown, or where that has expired, one that is asked for in the
   * name of whoever showed it. Undefined: a stream has to bring one.
   *
   * @throws AgentError `token-source-unavailable` when none can be had now
   */
  async tokenAt(nowMs: number, signal: AbortSignal): Promise<Token | undefined> {
    if (nowMs < this.#tokenExpiresAtMs) return this.#token;
    try {
      const fresh = await this.#freshToken?.(signal);
      if (fresh === undefined) return undefined;
      this.#token = fresh.token;
      this.#tokenExpiresAtMs = fresh.expiresAtMs;
    } catch (thrown) {
      // Its pod is gone; a stream of another one may still know the identity.
      if (toAgentError(thrown).code === 'token-rejected') return undefined;
      throw thrown;
    }
    return this.#token;
  }

  /** Ends one stream, so that its Envoy comes back with a fresh token. Returns how often since one came; 0: no stream. */
  sendForToken(error: AgentError, atMs: number): number {
    this.#lacksToken = true;
    this.#entry = tokenless(this.#entry, error, atMs);
    return this.audience.sendOneBack() ? ++this.#tokenRequests : 0;
  }

  start(): void {
    this.#attempts++;
    this.#entry = started(this.#entry);
  }

  succeed(certificate: IssuedCertificate, atMs: number): void {
    this.#entry = issued(this.#entry, certificate, atMs);
    this.audience.changed();
    this.#settleWaiters(undefined);
  }

  /** @param pending what the try has brought nevertheless, for later */
  fail(error: AgentError, atMs: number, pending?: IssuedCertificate): void {
    this.#entry =
      pending === undefined ? failed(this.#entry, error, atMs) : postponed(this.#entry, pending, error, atMs);
    this.#settleWaiters(error);
  }

  /** Forgets the certificate for good; what is in flight comes to nothing. */
  revoke(error: AgentError): void {
    this.#isRevoked = true;
    this.#entry = WANTED;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { settle } of waiters) settle(error);
    this.audience.sendBack();
  }

  /** Resolves when an attempt that begins from now on has succeeded; rejects when it has failed. */
  nextAttempt(): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error: AgentError | undefined): void => (error === undefined ? resolve() : reject(error));
      this.#waiters.push({ fromAttempt: this.#attempts + 1, settle });
    });
  }

  /**
   * @param dueMs when the next attempt is planned
   * @param graceRatio the share of a lifetime that is left when a renewal is due
   */
  status(nowMs: number, dueMs: number | undefined, graceRatio: number): IdentityStatus {
    const { certificate, issuedAtMs, lastFailure, rotations } = this.#entry;
    const { spiffeId, key } = this.identity;
    // What nobody uses is nobody's alarm, and is forgotten in a while.
    const alarm = this.audience.size === 0 ? undefined : alarmOf(this.#entry, graceRatio, nowMs);
    return {
      spiffeId,
      ...(key !== spiffeId && { podUid: key.slice(spiffeId.length + 1) }),
      state: stateOf(this.#entry, nowMs),
      ...(alarm && { alarm }),
      ...(certificate && {
        serial: certificate.serial,
        issuedAtMs: issuedAtMs ?? certificate.notBeforeMs,
        notBeforeMs: certificate.notBeforeMs,
        notAfterMs: certificate.notAfterMs,
      }),
      ...(dueMs !== undefined && { nextRenewalMs: dueMs }),
      rotations,
      streams: this.audience.size,
      ...(lastFailure && {
        lastError: { code: lastFailure.error.code, message: lastFailure.error.message, atMs: lastFailure.atMs },
      }),
    };
  }

  #settleWaiters(error: AgentError | undefined): void {
    const waiters = this.#waiters;
    this.#waiters = waiters.filter(({ fromAttempt }) => fromAttempt > this.#attempts);
    for (const { fromAttempt, settle } of waiters) if (fromAttempt <= this.#attempts) settle(error);
  }
}
