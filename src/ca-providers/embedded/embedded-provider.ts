import { AgentError, quoteUntrusted } from '../../core/agent-error.ts';
import type { CaProvider, DerCertificates, SignRequest } from '../../core/ca-provider.ts';
import { toIsoTime } from '../../core/calendar.ts';
import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type { RootStage, RotatableRoot } from '../../core/root-rotation.ts';
import { sameCertificates } from '../../keys/certificate.ts';
import type { Validity } from '../../keys/certificate-profiles.ts';
import { parseCsr } from '../../keys/csr.ts';
import type { PublicKeyKind } from '../../keys/public-key.ts';
import { orAborted, throwIfAborted } from '../../runtime/or-aborted.ts';
import { Changes } from '../changes.ts';
import {
  type Authority,
  createAuthority,
  createIntermediate,
  isIntermediateDue,
  leafValidity,
  type ServerSubject,
  signLeaf,
  signServer,
} from './authority.ts';
import type { CaState } from './ca-state.ts';
import type { CaStateFile } from './ca-state-file.ts';

/** A failed renewal of the intermediate is tried again after this; the old one has months left. */
const RENEWAL_RETRY_MS = 10 * 60 * 1000;
/** RSA keys below this are not signed (NIST SP 800-57, part 1). */
const LEAST_RSA_BITS = 2048;
/** How long another process's change of the file may go unseen, and how long one that cannot be read is left alone. */
const LOOK_AGAIN_MS = 1000;
const LOOK_AGAIN_BROKEN_MS = 60_000;

/**
 * A CA inside the agent: a root and an intermediate in one file of `STATE_DIR`. The file is the truth: every change
 * begins by reading it, so that two processes on one directory do not undo each other's changes, and every answer is
 * of what it said at most a second before, so that none goes on signing with a root that another has retired.
 */
export class EmbeddedProvider implements CaProvider, RotatableRoot {
  readonly name = 'Embedded';
  readonly #file: CaStateFile;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #rootChanges = new Changes();
  #state: CaState;
  #lastUpdate: Promise<void> = Promise.resolve();
  #renewal: Promise<void> | undefined;
  #nextRenewalMs = Number.NEGATIVE_INFINITY;
  #look: Promise<void> | undefined;
  #nextLookMs = Number.NEGATIVE_INFINITY;

  constructor(file: CaStateFile, state: CaState, clock: Clock, log: Log) {
    this.#file = file;
    this.#state = state;
    this.#clock = clock;
    this.#log = log;
  }

  /**
   * Signs for the identity alone: names in the request count for nothing.
   * Rejects with `ca-request-refused` for a request that is malformed or whose key is too weak.
   */
  async sign({ id, csr: csrDer, ttlMs }: SignRequest, signal: AbortSignal): Promise<DerCertificates> {
    throwIfAborted(signal);
    if (!(ttlMs > 0)) throw new AgentError('ca-request-refused', `a lifetime of ${ttlMs} ms cannot be signed`);
    const csr = parseCsr(csrDer);
    demandStrongKey(csr.publicKeyKind);
    const { signing, validity } = await this.#readyToSign(ttlMs, signal);
    return [signLeaf(signing, csr, id, validity), signing.intermediate.certificate.der];
  }

  /** Signs the certificate of a TLS server of this CA; the chain as that of `sign`. */
  async signServer(subject: ServerSubject, ttlMs: number, signal: AbortSignal): Promise<DerCertificates> {
    throwIfAborted(signal);
    const { signing, validity } = await this.#readyToSign(ttlMs, signal);
    return [signServer(signing, subject, validity), signing.intermediate.certificate.der];
  }

  async roots(signal: AbortSignal): Promise<DerCertificates> {
    throwIfAborted(signal);
    await orAborted(this.#followFile(), signal);
    return rootsOf(this.#state);
  }

  watchRoots(signal: AbortSignal): AsyncIterable<DerCertificates> {
    return this.#rootChanges.watch(() => rootsOf(this.#state), signal);
  }

  get rootStage(): RootStage {
    return this.#state.stage;
  }

  stageRoot(signal: AbortSignal): Promise<void> {
    return this.#step(signal, async (state) => {
      if (state.stage !== 'single') throw wrongStage(state, 'single');
      return { ...state, stage: 'staged', next: await createAuthority(state.trustDomain, this.#clock.now()) };
    });
  }

  switchRoot(signal: AbortSignal): Promise<void> {
    return this.#step(signal, async (state) => {
      if (state.stage !== 'staged') throw wrongStage(state, 'staged');
      const previousRoot = state.signing.root.certificate;
      return { stage: 'switched', trustDomain: state.trustDomain, signing: state.next, previousRoot };
    });
  }

  retireRoot(signal: AbortSignal): Promise<void> {
    return this.#step(signal, async (state) => {
      if (state.stage !== 'switched') throw wrongStage(state, 'switched');
      return { stage: 'single', trustDomain: state.trustDomain, signing: state.signing };
    });
  }

  async #readyToSign(ttlMs: number, signal: AbortSignal): Promise<{ signing: Authority; validity: Validity }> {
    await orAborted(
      this.#followFile().then(() => this.renewIntermediate()),
      signal,
    );
    const nowMs = this.#clock.now();
    const { signing } = this.#state;
    const validity = leafValidity(signing, ttlMs, nowMs);
    if (validity.notAfterMs > nowMs) return { signing, validity };
    const expiry = `the embedded CA has expired at ${toIsoTime(validity.notAfterMs)}`;
    throw new AgentError('ca-state-broken', `${expiry}: look at the clock, or replace the root with rotate --root`);
  }

  /** Takes over what another process has changed. Never rejects: without the file, what is in memory still signs. */
  async #followFile(): Promise<void> {
    if (this.#clock.monotonic() >= this.#nextLookMs) {
      this.#nextLookMs = this.#clock.monotonic() + LOOK_AGAIN_MS;
      this.#look = this.#update(async (state) => state).catch((error: unknown) => {
        this.#nextLookMs = this.#clock.monotonic() + LOOK_AGAIN_BROKEN_MS;
        this.#log.warn('embedded CA goes on with what it remembers', { error });
      });
    }
    await this.#look;
  }

  /** Makes a new intermediate when it is time for one. Never rejects: the old one is good for months. */
  async renewIntermediate(): Promise<void> {
    const due = isIntermediateDue(this.#state.signing, this.#clock.now());
    if (due && this.#clock.monotonic() >= this.#nextRenewalMs) {
      this.#renewal ??= this.#renew().finally(() => {
        this.#renewal = undefined;
      });
    }
    await this.#renewal;
  }

  async #renew(): Promise<void> {
    this.#nextRenewalMs = this.#clock.monotonic() + RENEWAL_RETRY_MS;
    try {
      await this.#update(async (state) => {
        const nowMs = this.#clock.now();
        if (!isIntermediateDue(state.signing, nowMs)) return state;
        const { root } = state.signing;
        return { ...state, signing: { root, intermediate: await createIntermediate(root, state.trustDomain, nowMs) } };
      });
      this.#log.info('embedded CA has a new intermediate', {
        serial: this.#state.signing.intermediate.certificate.serial,
      });
    } catch (error) {
      this.#log.warn('embedded CA could not renew its intermediate', { error, retryInMs: RENEWAL_RETRY_MS });
    }
  }

  async #step(signal: AbortSignal, change: (state: CaState) => Promise<CaState>): Promise<void> {
    throwIfAborted(signal);
    await orAborted(this.#update(change), signal);
    this.#log.info('embedded CA entered a stage of root rotation', { rootStage: this.#state.stage });
  }

  /** Makes one change after the other, each on what the file says then. */
  #update(change: (state: CaState) => Promise<CaState>): Promise<void> {
    const update = this.#lastUpdate.then(async () => {
      const current = await this.#file.loadExisting();
      const changed = await change(current);
      if (changed !== current) await this.#file.replace(changed);
      this.#adopt(changed);
    });
    this.#lastUpdate = update.catch(() => {});
    return update;
  }

  #adopt(state: CaState): void {
    const before = rootsOf(this.#state);
    this.#state = state;
    if (!sameCertificates(before, rootsOf(state))) this.#rootChanges.notify();
  }
}

function rootsOf(state: CaState): DerCertificates {
  const signing = state.signing.root.certificate.der;
  switch (state.stage) {
    case 'single':
      return [signing];
    case 'staged':
      return [signing, state.next.root.certificate.der];
    case 'switched':
      return [signing, state.previousRoot.der];
  }
}

function demandStrongKey(kind: PublicKeyKind): void {
  if (kind.algorithm === 'other') {
    throw new AgentError(
      'ca-request-refused',
      `keys of ${quoteUntrusted(kind.name)} are not signed: use P-256, P-384 or RSA`,
    );
  }
  if (kind.algorithm === 'rsa' && kind.bits < LEAST_RSA_BITS) {
    throw new AgentError(
      'ca-request-refused',
      `RSA keys of ${kind.bits} bits are not signed: use ${LEAST_RSA_BITS} or more`,
    );
  }
}

function wrongStage(state: CaState, needed: RootStage): AgentError {
  return new AgentError('ca-request-refused', `the root is ${state.stage}, and this step is from ${needed} only`);
}
