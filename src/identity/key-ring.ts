import { AgentError, toAgentError } from '../core/agent-error.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { waitFor } from '../runtime/wait-for.ts';
import type { JwksSource } from './jwks-source.ts';
import type { KeyFinder } from './jwt-verifier.ts';
import { type KeySet, parseKeySet } from './key-set.ts';
import type { PublicKey, TokenHeader } from './public-key.ts';

/** Between two reads of a source without fingerprint: what strangers' key ids can cause at most. */
const READ_INTERVAL_MS = 10_000;
/** Between two tries while there are no keys at all, or a file is broken. */
const RETRY_INTERVAL_MS = 2_000;
/** A source without fingerprint is read again after this time, so that a withdrawn key stops being accepted. */
const REREAD_AFTER_MS = 600_000;

export interface KeyRingOptions {
  readonly source: JwksSource;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends reads that are under way. */
  readonly lifetime: AbortSignal;
}

/**
 * An issuer's keys, as fresh as they have to be: read again when the source has changed, and for a key id that is
 * not known. At most one read is under way, and the last good keys are kept while the source is out of reach.
 */
export class KeyRing implements KeyFinder {
  readonly #source: JwksSource;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #lifetime: AbortSignal;
  #keys: KeySet | undefined;
  /** Of what the last read found, or failed on. */
  #fingerprint: string | undefined;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #triedAtMs = Number.NEGATIVE_INFINITY;
  /** Why the last read failed; undefined after one that did not. */
  #failure: AgentError | undefined;
  #reading: Promise<void> | undefined;

  constructor({ source, clock, log, lifetime }: KeyRingOptions) {
    this.#source = source;
    this.#clock = clock;
    this.#log = log;
    this.#lifetime = lifetime;
  }

  async keysFor(header: TokenHeader, signal: AbortSignal): Promise<readonly PublicKey[]> {
    await this.#freshen(signal);
    const known = this.#fitting(header);
    if (known.length > 0) return known;
    // The issuer may have a new key. A file has been looked at already.
    if (this.#source.fingerprint === undefined) await this.#readIfAllowed(READ_INTERVAL_MS, signal);
    const found = this.#fitting(header);
    if (found.length > 0) return found;
    if (this.#failure !== undefined) throw this.#failure;
    throw new AgentError('token-rejected', 'the token is not accepted: it is signed with an unknown key');
  }

  #fitting(header: TokenHeader): readonly PublicKey[] {
    return this.#keys?.fitting(header) ?? [];
  }

  async #freshen(signal: AbortSignal): Promise<void> {
    if (this.#source.fingerprint !== undefined) {
      const changed = (await this.#source.fingerprint()) !== this.#fingerprint;
      if (changed || this.#reading !== undefined) await this.#read(signal);
      else if (this.#failure !== undefined) await this.#readIfAllowed(RETRY_INTERVAL_MS, signal);
    } else if (this.#keys === undefined) {
      await this.#readIfAllowed(RETRY_INTERVAL_MS, signal);
    } else if (this.#clock.monotonic() - this.#readAtMs >= REREAD_AFTER_MS) {
      // In the background: nobody waits for a source that may be out of reach.
      if (this.#allowed(READ_INTERVAL_MS)) void this.#start();
    }
  }

  async #readIfAllowed(intervalMs: number, signal: AbortSignal): Promise<void> {
    if (this.#reading !== undefined || this.#allowed(intervalMs)) await this.#read(signal);
  }

  #allowed(intervalMs: number): boolean {
    return this.#clock.monotonic() - this.#triedAtMs >= intervalMs;
  }

  #read(signal: AbortSignal): Promise<void> {
    return waitFor(this.#start(), signal);
  }

  /** Joins the read that is under way, or starts one. It never rejects: what comes of it is in the fields. */
  #start(): Promise<void> {
    this.#reading ??= this.#readNow().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readNow(): Promise<void> {
    this.#triedAtMs = this.#clock.monotonic();
    try {
      // Asked before, so that a change during the read is noticed after it.
      this.#fingerprint = await this.#source.fingerprint?.();
      this.#keys = parseKeySet(await this.#source.read(this.#lifetime));
      this.#readAtMs = this.#clock.monotonic();
      this.#failure = undefined;
    } catch (thrown) {
      this.#failure = toAgentError(thrown);
      if (this.#lifetime.aborted) return;
      this.#log.warn('the key set of the token issuer cannot be read', {
        source: this.#source.location,
        keptOldKeys: this.#keys !== undefined,
        error: thrown,
      });
    }
  }
}
