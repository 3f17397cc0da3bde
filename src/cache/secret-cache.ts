import { AgentError } from '../core/agent-error.ts';
import type { Caller } from '../core/caller.ts';
import type { Clock } from '../core/clock.ts';
import type { IdentityJudge } from '../core/identity-policy.ts';
import type { IssuedRef, Secret } from '../core/secret.ts';
import type { SecretStore, Subscriber, Subscription } from '../core/secret-store.ts';
import type { SpiffeId } from '../core/spiffe-id.ts';
import type { BundleStatus, IdentityStatus } from '../core/status-report.ts';
import { withTimeLimit } from '../runtime/time-limit.ts';
import { Agenda } from './agenda.ts';
import type { BundleKeeper } from './bundle-keeper.ts';
import { IdentitySlot } from './identity-slot.ts';
import type { IssuedCertificate } from './issuer.ts';
import { Renewer, type RenewerParts } from './renewer.ts';

/** How long `renew` waits for one identity whose turn it is: for the CA, and perhaps for an Envoy with a fresh token. */
const RENEW_PATIENCE_MS = 60_000;

/** Before an identity is looked at again that could not be forgotten. */
const LOOK_AGAIN_MS = 10_000;

export interface SecretCacheParts extends Omit<RenewerParts, 'onSetBack'> {
  readonly bundles: BundleKeeper;
  /** An identity without streams is forgotten after this long. */
  readonly forgetAfterMs: number;
}

/**
 * Every certificate and bundle of the node, in memory: gives what is valid now, obtains what somebody asked for,
 * tells of changes, and forgets identities that nobody has asked for in a while, unless their certificate is valid and
 * the CA is down.
 */
export class SecretCache implements SecretStore<IssuedRef> {
  readonly #bundles: BundleKeeper;
  readonly #clock: Clock;
  readonly #forgetAfterMs: number;
  readonly #maxPerSecond: number;
  readonly #slots = new Map<string, IdentitySlot>();
  readonly #renewer: Renewer;
  readonly #forgetting: Agenda<IdentitySlot>;

  constructor(parts: SecretCacheParts) {
    this.#bundles = parts.bundles;
    this.#clock = parts.clock;
    this.#forgetAfterMs = parts.forgetAfterMs;
    this.#maxPerSecond = parts.maxPerSecond;
    this.#renewer = new Renewer({ ...parts, onSetBack: () => this.#renewNotYetValid() });
    this.#forgetting = new Agenda(parts.clock, (slot) => this.#forgetUnlessNeeded(slot));
  }

  /** Issuances in flight now. */
  get inFlight(): number {
    return this.#renewer.inFlight;
  }

  /** Issuances that are due and have not begun. */
  get queued(): number {
    return this.#renewer.queued;
  }

  /** Renews and forgets until the signal aborts, then ends what is in flight. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#bundles.run(signal), this.#renewer.run(signal), this.#forgetting.run(signal)]);
  }

  peek(ref: IssuedRef): Secret | undefined {
    switch (ref.kind) {
      case 'certificate': {
        const slot = this.#slots.get(ref.caller.identity.key);
        if (slot === undefined) return undefined;
        this.#learnToken(slot, ref.caller);
        return slot.servable(this.#clock.now());
      }
      case 'bundle': {
        const { bundle } = this.#bundles;
        return bundle?.trustDomain === ref.trustDomain ? bundle : undefined;
      }
      case 'all-bundles':
        return this.#bundles.allBundles;
    }
  }

  subscribe(ref: IssuedRef, subscriber: Subscriber): Subscription {
    switch (ref.kind) {
      case 'certificate':
        return this.#subscribeToIdentity(ref.caller, subscriber);
      case 'bundle':
        return this.#bundles.audience.join(subscriber, () => undefined);
      case 'all-bundles':
        return this.#bundles.allBundlesAudience.join(subscriber, () => undefined);
    }
  }

  identities(): IdentityStatus[] {
    const nowMs = this.#clock.now();
    return [...this.#slots.values()].map((slot) => this.#renewer.statusOf(slot, nowMs));
  }

  /** Every certificate that may be served, now or later, unless it has expired. */
  *held(): Generator<IssuedCertificate> {
    for (const { entry } of this.#slots.values()) {
      if (entry.certificate !== undefined) yield entry.certificate;
      if (entry.pending !== undefined) yield entry.pending;
    }
  }

  bundles(): BundleStatus[] {
    return this.#bundles.status();
  }

  /**
   * Renews now, whatever the plan says; resolves when the new certificates are published, with their SPIFFE IDs.
   *
   * @throws AgentError `request-name-unknown` when no such identity is held; that of the first identity that could
   *   not be renewed, after all others were
   */
  async renew(which: { readonly spiffeId: SpiffeId } | 'all', signal: AbortSignal): Promise<readonly SpiffeId[]> {
    const slots = [...this.#slots.values()].filter(
      ({ identity }) => which === 'all' || identity.spiffeId === which.spiffeId,
    );
    if (slots.length === 0 && which !== 'all') {
      throw new AgentError('request-name-unknown', `no certificate of ${which.spiffeId} is held here`);
    }
    // Together they wait for their turn as long as the rate makes them.
    const patienceMs = RENEW_PATIENCE_MS + (1000 * slots.length) / this.#maxPerSecond;
    const outcomes = await Promise.allSettled(slots.map((slot) => this.#renewOne(slot, patienceMs, signal)));
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failure !== undefined) throw failure.reason;
    return slots.map(({ identity }) => identity.spiffeId);
  }

  /**
   * Forgets every identity that may not be served any more, its certificate and what is in flight for it. Whoever
   * still listens to it is asked to come back, and then refused.
   */
  revoke(judge: IdentityJudge): void {
    for (const slot of this.#slots.values()) {
      const verdict = judge.judge(slot.identity.spiffeId);
      if (verdict.allowed) continue;
      this.#renewer.forget(slot);
      this.#forgetting.cancel(slot);
      this.#slots.delete(slot.identity.key);
      slot.revoke(verdict.error);
    }
  }

  /** Forgets identities that nobody listens to, so that who comes back gets a new certificate. */
  forgetIdle(): void {
    for (const slot of this.#slots.values()) this.#forget(slot);
  }

  /** How many certificate streams have not acknowledged the newest certificate of their identity. */
  get behind(): number {
    let behind = 0;
    for (const { audience, entry } of this.#slots.values()) {
      if (entry.certificate !== undefined) behind += audience.behind(entry.certificate.version);
    }
    return behind;
  }

  #subscribeToIdentity(caller: Caller, subscriber: Subscriber): Subscription {
    const slot = this.#slotOf(caller);
    const subscription = slot.audience.join(subscriber, () => {
      if (slot.audience.size === 0 && !slot.isRevoked)
        this.#forgetting.plan(slot, this.#clock.now() + this.#forgetAfterMs);
    });
    this.#forgetting.cancel(slot);
    if (slot.servable(this.#clock.now()) === undefined) this.#renewer.hurry(slot);
    return subscription;
  }

  #slotOf(caller: Caller): IdentitySlot {
    const known = this.#slots.get(caller.identity.key);
    if (known !== undefined) {
      this.#learnToken(known, caller);
      return known;
    }
    const slot = new IdentitySlot(caller);
    this.#slots.set(caller.identity.key, slot);
    this.#renewer.renewSoon(slot);
    return slot;
  }

  #learnToken(slot: IdentitySlot, caller: Caller): void {
    if (slot.learnToken(caller)) this.#renewer.renewSoon(slot);
  }

  async #renewOne(slot: IdentitySlot, patienceMs: number, signal: AbortSignal): Promise<void> {
    const { spiffeId } = slot.identity;
    const onTimeout = (): AgentError => {
      const why = slot.entry.lastFailure?.error.message ?? 'the CA has not answered';
      const seconds = Math.round(patienceMs / 1000);
      return new AgentError('secret-not-ready', `${spiffeId} was not renewed within ${seconds} s: ${why}`);
    };
    await withTimeLimit(this.#clock, patienceMs, signal, onTimeout, () => this.#renewer.renewNow(slot));
  }

  /** While the CA is down, nobody who comes back could be given another certificate. */
  #forgetUnlessNeeded(slot: IdentitySlot): void {
    const nowMs = this.#clock.now();
    const isDown = this.#renewer.isCaDown || this.#bundles.isCaDown;
    if (!isDown || slot.servable(nowMs) === undefined) this.#forget(slot);
    else this.#forgetting.plan(slot, nowMs + Math.max(this.#forgetAfterMs, LOOK_AGAIN_MS));
  }

  #forget(slot: IdentitySlot): void {
    if (slot.audience.size > 0) return;
    if (slot.entry.issuing) {
      // What is in flight would otherwise be planned again for a slot that nobody finds.
      this.#forgetting.plan(slot, this.#clock.now() + this.#forgetAfterMs);
      return;
    }
    this.#renewer.forget(slot);
    this.#slots.delete(slot.identity.key);
  }

  /** The clock was set back to before some certificates begin: peers may refuse those now. */
  #renewNotYetValid(): void {
    const nowMs = this.#clock.now();
    for (const slot of this.#slots.values()) {
      const { certificate } = slot.entry;
      if (certificate !== undefined && nowMs < certificate.notBeforeMs) this.#renewer.renewSoon(slot);
    }
  }
}
