import { AgentError, toAgentError } from '../core/agent-error.ts';
import { toIsoTime } from '../core/calendar.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { CacheMeter } from '../core/meters.ts';
import type { IdentityStatus } from '../core/status-report.ts';
import { notYetValid } from '../keys/verify-issuance.ts';
import { RateWindow } from '../runtime/rate-window.ts';
import { Agenda } from './agenda.ts';
import { alarmOf } from './alarm.ts';
import { FailureLog } from './failure-log.ts';
import type { IdentitySlot } from './identity-slot.ts';
import { IssuanceQueue } from './issuance-queue.ts';
import type { IssuedCertificate, Issuer } from './issuer.ts';
import { type RenewalPolicy, renewAtMs } from './lifetime.ts';
import { pauseMs, retryDelayMs, tokenPatienceMs } from './retry-policy.ts';

export interface RenewerParts {
  readonly issuer: Pick<Issuer, 'issue'>;
  readonly policy: RenewalPolicy;
  /** At most so many issuances are in flight together … */
  readonly maxInFlight: number;
  /** … and at most so many begin within a second. */
  readonly maxPerSecond: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: CacheMeter;
  /** The CA is about to be asked again after a failure. */
  readonly onRetry: () => void;
  /** The wall clock was set back. */
  readonly onSetBack: () => void;
  /** A number in [0, 1). */
  readonly random: () => number;
}

/**
 * Sees to it that each identity has a certificate, long before the last one expires: one issuance in flight for
 * each, a bounded number together and within a second, a backoff for each. A failure never touches the certificate
 * that is there.
 */
export class Renewer {
  readonly #parts: RenewerParts;
  readonly #agenda: Agenda<IdentitySlot>;
  readonly #rate: RateWindow;
  readonly #failureLog: FailureLog;
  readonly #queue: IssuanceQueue<IdentitySlot>;
  readonly #life = new AbortController();
  #isCaDown = false;

  constructor(parts: RenewerParts) {
    this.#parts = parts;
    const onDue = (slot: IdentitySlot): void => this.#queue.add(slot, this.#laneOf(slot));
    this.#agenda = new Agenda(parts.clock, onDue, parts.onSetBack);
    this.#failureLog = new FailureLog(parts.log, parts.clock);
    this.#rate = new RateWindow(parts.maxPerSecond, parts.clock);
    this.#queue = new IssuanceQueue({
      maxInFlight: parts.maxInFlight,
      rate: this.#rate,
      work: (slot, begin) => this.#attempt(slot, begin),
      onError: (error) => parts.log.error('bug: the renewal of an identity was broken off', { error }),
      clock: parts.clock,
      signal: this.#life.signal,
    });
  }

  /** Issuances in flight now. */
  get inFlight(): number {
    return this.#queue.running;
  }

  /** Whether the last issuance failed through the CA, and not through what was asked of it. */
  get isCaDown(): boolean {
    return this.#isCaDown;
  }

  /** Identities that are due and have not begun. */
  get queued(): number {
    return this.#queue.waiting;
  }

  /** Renews what is due until the signal aborts, then ends what is in flight. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#agenda.run(signal);
    this.#life.abort();
    await this.#queue.settled();
  }

  /** The identity with the time of the next attempt. */
  statusOf(slot: IdentitySlot, nowMs: number): IdentityStatus {
    return slot.status(nowMs, this.#agenda.dueMs(slot), this.#parts.policy.ratio);
  }

  /** Plans an attempt for now, in the background unless somebody waits for it. */
  renewSoon(slot: IdentitySlot): void {
    this.#agenda.plan(slot, this.#parts.clock.now());
  }

  /** Somebody waits for this identity's certificate: does now what is due, and leaves a backoff alone. */
  hurry(slot: IdentitySlot): void {
    const dueMs = this.#agenda.dueMs(slot);
    if (dueMs !== undefined && dueMs <= this.#parts.clock.now()) this.#queue.add(slot, 'foreground');
  }

  /** Renews whatever the plan says; resolves when the new certificate is published. */
  renewNow(slot: IdentitySlot): Promise<void> {
    const renewed = slot.nextAttempt();
    this.#queue.add(slot, 'foreground');
    return renewed;
  }

  /** Drops every plan for an identity that is forgotten. */
  forget(slot: IdentitySlot): void {
    this.#agenda.cancel(slot);
    this.#queue.delete(slot);
  }

  #laneOf(slot: IdentitySlot): 'foreground' | 'background' {
    const waited = slot.audience.size > 0 && slot.servable(this.#parts.clock.now()) === undefined;
    return waited ? 'foreground' : 'background';
  }

  async #attempt(slot: IdentitySlot, begin: () => void): Promise<void> {
    const { issuer, clock } = this.#parts;
    const pending = slot.pendingAt(clock.now());
    if (pending !== undefined) {
      slot.start();
      this.#publish(slot, pending);
      return;
    }
    this.#agenda.cancel(slot);
    slot.start();
    try {
      const token = await slot.tokenAt(clock.now(), this.#life.signal);
      if (token === undefined) {
        this.#sendForToken(slot);
        return;
      }
      if (slot.entry.failures > 0) this.#parts.onRetry();
      const certificate = await issuer.issue(slot.identity, token, begin, this.#life.signal);
      this.#isCaDown = false;
      if (slot.isRevoked) return;
      if (clock.now() < certificate.notBeforeMs) this.#postpone(slot, certificate);
      else this.#publish(slot, certificate);
    } catch (thrown) {
      if (!slot.isRevoked) this.#fail(slot, toAgentError(thrown));
    }
  }

  #publish(slot: IdentitySlot, certificate: IssuedCertificate): void {
    const { clock, log, meter, policy, random } = this.#parts;
    const { notAfterMs, serial } = certificate;
    const nowMs = clock.now();
    const dueMs = renewAtMs(nowMs, notAfterMs, policy, random());
    meter.renewed('issued');
    log.info('certificate issued', {
      spiffeId: slot.identity.spiffeId,
      serial,
      notAfter: toIsoTime(notAfterMs),
      renewAt: toIsoTime(dueMs),
      streams: slot.audience.size,
      ...(slot.entry.failures > 0 && { afterFailures: slot.entry.failures }),
    });
    this.#agenda.plan(slot, dueMs);
    slot.succeed(certificate, nowMs);
  }

  #postpone(slot: IdentitySlot, pending: IssuedCertificate): void {
    const what = notYetValid(pending.notBeforeMs, this.#parts.clock.now());
    const error = new AgentError(
      'ca-answer-invalid',
      `the CA's certificate ${what}; it is kept and served from then on`,
    );
    this.#fail(slot, error, pending);
  }

  /** @param pending what the try has brought nevertheless: the next one is to publish it */
  #fail(slot: IdentitySlot, error: AgentError, pending?: IssuedCertificate): void {
    const { clock, meter, policy, random } = this.#parts;
    const nowMs = clock.now();
    const failure = { error, failures: slot.entry.failures + 1, lifeLeftMs: slot.lifeLeftMs(nowMs) };
    const retryAtMs = pending?.notBeforeMs ?? nowMs + retryDelayMs(failure, random());
    meter.renewed(error.code === 'ca-answer-invalid' ? 'refused' : 'failed');
    this.#isCaDown = pending === undefined && error.disposition === 'transient';
    this.#rate.pause(pauseMs(error));
    this.#agenda.plan(slot, retryAtMs);
    slot.fail(error, nowMs, pending);
    const alarm = alarmOf(slot.entry, policy.ratio, nowMs) ?? 'failing';
    const notAfterMs = slot.entry.certificate?.notAfterMs;
    this.#failureLog.failed({ spiffeId: slot.identity.spiffeId, error, alarm, retryAtMs, notAfterMs });
  }

  /**
   * The token has expired. Envoy reads its token file for a new stream only (not for a message on a living one), so
   * one stream of the identity is ended; the others stay, and a while passes before the next is tried.
   */
  #sendForToken(slot: IdentitySlot): void {
    const { clock, log, meter, random } = this.#parts;
    meter.renewed('token_expired');
    const error = new AgentError(
      'token-expired',
      'the token shown last has expired: a stream with a fresh one is needed',
    );
    const nowMs = clock.now();
    const requests = slot.sendForToken(error, nowMs);
    if (requests === 0) return;
    const askAgainAtMs = nowMs + tokenPatienceMs(requests, slot.lifeLeftMs(nowMs), random());
    this.#agenda.plan(slot, askAgainAtMs);
    log.info('the token has expired; one stream was ended so that envoy comes back with a fresh one', {
      spiffeId: slot.identity.spiffeId,
      askAgainAt: toIsoTime(askAgainAtMs),
    });
  }
}
