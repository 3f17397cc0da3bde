import type { AgentError } from '../core/agent-error.ts';
import { toIsoTime } from '../core/calendar.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { ForeignKind, ForeignSecret } from '../core/secret.ts';
import type { ForeignState, ForeignStatus } from '../core/status-report.ts';
import { Audience } from './audience.ts';
import type { Seldom } from './seldom.ts';

/** What was never there is logged at most this often: peers choose the names. */
const WANTED_INTERVAL_MS = 1000;

export interface ForeignSlotParts {
  readonly kind: ForeignKind;
  /** As Envoys ask for it. */
  readonly name: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Shared by all slots of a store. */
  readonly seldom: Seldom;
}

/**
 * One secret that the agent only passes on: the last content that was good, what is wrong with what is there now, and
 * who listens. What was good stays until there is something better, or it expires.
 */
export class ForeignSlot {
  readonly audience = new Audience();
  readonly #parts: ForeignSlotParts;
  #secret: ForeignSecret | undefined;
  #changedAtMs = 0;
  #fault: { readonly error: AgentError; readonly atMs: number } | undefined;

  constructor(parts: ForeignSlotParts) {
    this.#parts = parts;
  }

  /** What can be served now. Expired certificates cannot; roots stay, as each has an expiry of its own. */
  get servable(): ForeignSecret | undefined {
    const secret = this.#secret;
    if (secret === undefined || !('serial' in secret)) return secret;
    return this.#parts.clock.now() < secret.notAfterMs ? secret : undefined;
  }

  /** What is there now, verified. */
  take(secret: ForeignSecret): void {
    const { clock, log, name, kind } = this.#parts;
    const healed = this.#fault !== undefined && this.#secret !== undefined;
    const changed = secret.version !== this.#secret?.version;
    this.#fault = undefined;
    if (!changed && !healed) return;
    log.info(changed ? 'a secret that is passed on has new content' : 'a secret that is passed on is good again', {
      kind,
      name,
      version: secret.version,
      expires: toIsoTime(secret.notAfterMs),
    });
    if (!changed) return;
    this.#secret = secret;
    this.#changedAtMs = clock.now();
    this.audience.changed();
  }

  /** What is there now cannot be served, or nothing is there (`secret-gone`). */
  fail(error: AgentError): void {
    const { clock, log, name, kind, seldom } = this.#parts;
    const isNews = this.#fault?.error.message !== error.message;
    this.#fault = { error, atMs: isNews ? clock.now() : (this.#fault?.atMs ?? clock.now()) };
    if (!isNews) return;
    if (this.#secret !== undefined) {
      log.warn('a secret that is passed on cannot be taken over; the last good one stays', { kind, name, error });
      return;
    }
    const times = seldom.again(WANTED_INTERVAL_MS);
    if (times === undefined) return;
    const more = times > 1 && { othersToo: times - 1 };
    log.warn('a secret that is asked for cannot be passed on', { kind, name, error, ...more });
  }

  status(): ForeignStatus {
    const { kind, name } = this.#parts;
    const secret = this.#secret;
    const fault = this.#fault;
    return {
      kind,
      name,
      state: this.state,
      ...(secret && {
        ...('serial' in secret && { serial: secret.serial }),
        version: secret.version,
        changedAtMs: this.#changedAtMs,
        notAfterMs: secret.notAfterMs,
      }),
      streams: this.audience.size,
      ...(fault && { lastError: { code: fault.error.code, message: fault.error.message, atMs: fault.atMs } }),
    };
  }

  get state(): ForeignState {
    if (this.#secret === undefined) return 'wanted';
    if (this.#fault === undefined) return 'ready';
    return this.#fault.error.code === 'secret-gone' ? 'gone' : 'stale';
  }
}
