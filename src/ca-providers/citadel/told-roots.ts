import type { DerCertificates } from '../../core/ca-provider.ts';
import type { Clock } from '../../core/clock.ts';
import { areTooMany } from '../../keys/roots.ts';
import type { CaAnswer } from './wire.ts';

interface ToldRoot {
  readonly der: Uint8Array;
  /** When the last certificate that came with it expires. */
  readonly neededUntilMs: number;
  readonly isNewest: boolean;
}

/**
 * The roots that a CA has told of with its certificates. Those of the newest answer are always among them. An older
 * one stays until the last certificate that came with it has expired: that long, peers may show one like it. So
 * replicas of a CA that answer with different roots in turn, as in the middle of a replacement, take no root from each
 * other.
 */
export class ToldRoots {
  readonly #clock: Clock;
  /** By their bytes; those that were told last are at the end. */
  #told = new Map<string, ToldRoot>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  current(): DerCertificates {
    return [...this.#needed().values()].map(({ der }) => der);
  }

  /** Notes the roots of an answer. Gives whether that has changed them. */
  learn({ roots, notAfterMs }: Pick<CaAnswer, 'roots' | 'notAfterMs'>): boolean {
    const before = this.#needed();
    const told = new Map(Array.from(before, ([key, root]) => [key, { ...root, isNewest: false }]));
    for (const der of roots) {
      const key = Buffer.from(der).toString('latin1');
      const neededUntilMs = Math.max(notAfterMs, told.get(key)?.neededUntilMs ?? 0);
      told.delete(key);
      told.set(key, { der, neededUntilMs, isNewest: true });
    }
    // The oldest go first where a CA tells of more than anybody is to trust.
    for (const key of told.keys()) {
      if (!areTooMany([...told.values()].map(({ der }) => der))) break;
      told.delete(key);
    }
    this.#told = told;
    const after = this.#needed();
    return after.size !== before.size || [...after.keys()].some((key) => !before.has(key));
  }

  #needed(): ReadonlyMap<string, ToldRoot> {
    const nowMs = this.#clock.now();
    return new Map([...this.#told].filter(([, { isNewest, neededUntilMs }]) => isNewest || nowMs < neededUntilMs));
  }
}
