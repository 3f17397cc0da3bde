/** What has to be true for the agent to be ready, each with what people read while it is not. */
const UNMET = {
  socket: 'the socket or port is not listening yet',
  ca: 'the certificate authority has not answered yet, so no root is known',
  'token-verifier': 'the token verifier cannot verify tokens yet',
  pods: 'the pods of this node are not known yet, so callers without a token are not either',
  running: 'the agent is shutting down',
  secrets: 'a secret that is served has expired',
} as const;

export type ReadinessCondition = keyof typeof UNMET;

/**
 * Whether the agent is ready, condition by condition. Some are told (`set`), others are asked for each time
 * somebody wants to know: those that become false by the mere passing of time.
 */
export class Readiness {
  readonly #met = new Map<ReadinessCondition, boolean>([
    ['socket', false],
    ['ca', false],
    ['token-verifier', false],
    ['pods', true],
    ['running', true],
    ['secrets', true],
  ]);
  readonly #asked: Partial<Record<ReadinessCondition, () => boolean>>;
  readonly #listeners = new Set<() => void>();
  #wasReady = false;

  constructor(asked: Partial<Record<ReadinessCondition, () => boolean>> = {}) {
    this.#asked = asked;
  }

  set(condition: ReadinessCondition, met: boolean): void {
    this.#met.set(condition, met);
    this.unmet();
  }

  /** The unmet conditions, `name: sentence`; empty when ready. */
  unmet(): readonly string[] {
    const unmet: string[] = [];
    for (const [condition, told] of this.#met) {
      if (!(this.#asked[condition]?.() ?? told)) unmet.push(`${condition}: ${UNMET[condition]}`);
    }
    this.#notice(unmet.length === 0);
    return unmet;
  }

  get ready(): boolean {
    return this.unmet().length === 0;
  }

  /** Calls back, with `ready` already new, each time readiness is seen to have changed. */
  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  #notice(ready: boolean): void {
    if (ready === this.#wasReady) return;
    this.#wasReady = ready;
    for (const listener of [...this.#listeners]) listener();
  }
}
