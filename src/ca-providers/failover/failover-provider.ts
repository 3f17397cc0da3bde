import { AgentError, isCaErrorCode, toAgentError } from '../../core/agent-error.ts';
import type { CaProvider, DerCertificates, SignRequest } from '../../core/ca-provider.ts';
import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import { throwIfAborted } from '../../runtime/or-aborted.ts';
import { Changes } from '../changes.ts';
import { FailoverMember } from './failover-member.ts';
import { asksTheNext } from './failover-policy.ts';

/** How much of the caller's time is shared out: so that the last one's share ends before the caller's patience. */
const SHARED_OUT = 0.95;
/** How long the roots of the others are waited for when those of one are there. */
const ROOTS_PATIENCE_MS = 2000;

export interface FailoverProviderParts {
  /** What the caller gives one request, `CA_TIMEOUT`. */
  readonly timeLimitMs: number;
  readonly clock: Clock;
  readonly log: Log;
  /** A number in [0, 1). */
  readonly random: () => number;
}

/**
 * Several CAs as one. Each request goes to the first that works, in the order of `CA_PROVIDER`; each gets its share
 * of the request's time. One that fails again and again is asked after the others, but never not at all while
 * nobody else can serve. A peer has to trust the roots of all: whoever signs today, another may sign tomorrow.
 */
export class FailoverProvider implements CaProvider {
  readonly name: string;
  readonly #members: readonly FailoverMember[];
  readonly #parts: FailoverProviderParts;
  readonly #rootChanges = new Changes();

  /** @param providers the preferred one first */
  constructor(providers: readonly CaProvider[], parts: FailoverProviderParts) {
    const onRootsChange = (): void => this.#rootChanges.notify();
    this.name = providers.map(({ name }) => name).join(',');
    this.#members = providers.map((provider) => new FailoverMember(provider, { ...parts, onRootsChange }));
    this.#parts = parts;
  }

  async sign(request: SignRequest, signal: AbortSignal): Promise<DerCertificates> {
    throwIfAborted(signal);
    const { clock } = this.#parts;
    const endMs = clock.monotonic() + this.#sharedMs;
    const errors: AgentError[] = [];
    const members = this.#inOrder();
    for (const [index, member] of members.entries()) {
      const shareMs = (endMs - clock.monotonic()) / (members.length - index);
      try {
        return await member.sign(request, shareMs, signal);
      } catch (thrown) {
        const error = toAgentError(thrown);
        if (signal.aborted || !asksTheNext(error)) throw error;
        errors.push(error);
      }
    }
    throw allFailed('signed', members, errors);
  }

  /** The roots of all: fresh from those that answer, as they were last from the others. */
  async roots(signal: AbortSignal): Promise<DerCertificates> {
    throwIfAborted(signal);
    const { clock } = this.#parts;
    const enough = new AbortController();
    const stop = (): void => enough.abort();
    signal.addEventListener('abort', stop, { once: true });
    const reads = this.#members.map((member) => member.readRoots(this.#sharedMs, enough.signal));
    void Promise.any(reads)
      .then(() => clock.sleep(ROOTS_PATIENCE_MS, enough.signal))
      .then(stop, () => undefined);
    const outcomes = await Promise.allSettled(reads);
    stop();
    signal.removeEventListener('abort', stop);
    throwIfAborted(signal);
    const errors = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [toAgentError(outcome.reason)] : []));
    if (errors.length === outcomes.length) throw allFailed('gave its roots', this.#members, errors);
    return this.#knownRoots();
  }

  /** Never rejects: one CA that does not tell of its roots any more must not hide the news of the others. */
  watchRoots(signal: AbortSignal): AsyncIterable<DerCertificates> {
    for (const member of this.#members) void member.followRoots(signal);
    return this.#rootChanges.watch(() => this.#knownRoots(), signal);
  }

  get #sharedMs(): number {
    return this.#parts.timeLimitMs * SHARED_OUT;
  }

  /** Those that work in their order, then the others in theirs. */
  #inOrder(): readonly FailoverMember[] {
    const admitted = this.#members.filter((member) => member.admitted);
    return [...admitted, ...this.#members.filter((member) => !admitted.includes(member))];
  }

  #knownRoots(): DerCertificates {
    return this.#members.flatMap(({ knownRoots }) => knownRoots);
  }
}

/** One error for all: as hopeful as the most hopeful of them, because that one decides how soon it is worth a try. */
function allFailed(what: string, members: readonly FailoverMember[], errors: readonly AgentError[]): AgentError {
  const [first] = errors;
  // A provider that rejects with anything else is broken in itself; the text tells.
  const told = errors.filter(({ code }) => isCaErrorCode(code));
  const { code = 'ca-unavailable' } = told.find(({ disposition }) => disposition === 'transient') ?? told[0] ?? {};
  const texts = errors.map(({ message }, index) => `${members[index]?.name}: ${message}`);
  const retryAfterMs = Math.min(...errors.map((error) => error.retryAfterMs ?? 0));
  return new AgentError(code, `no CA ${what}: ${texts.join('; ')}`, { cause: first, retryAfterMs });
}
