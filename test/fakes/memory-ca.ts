import { Changes } from '../../src/ca-providers/changes.ts';
import { AgentError } from '../../src/core/agent-error.ts';
import type { CaProvider, DerCertificates, SignRequest } from '../../src/core/ca-provider.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { RootStage, RotatableRoot } from '../../src/core/root-rotation.ts';
import { parseCertificate } from '../../src/keys/certificate.ts';
import { type CertificateTemplate, signCertificate } from '../../src/keys/certificate-builder.ts';
import { intermediateTemplate, leafTemplate, rootTemplate } from '../../src/keys/certificate-profiles.ts';
import { parseCsr } from '../../src/keys/csr.ts';
import { createKeyPair, type KeyPair } from '../../src/keys/key-pair.ts';
import { days } from './fake-clock.ts';

export interface MemoryCaOptions {
  readonly name?: string;
  readonly trustDomain?: string;
}

interface Authority {
  readonly der: Uint8Array;
  readonly subjectDer: Uint8Array;
  readonly publicKeyDer: Uint8Array;
  readonly keyPair: KeyPair;
}

interface Generation {
  readonly root: Authority;
  readonly intermediate: Authority;
}

/**
 * A CA that works, in memory: what it signs, `verifyIssuance` accepts. Its fields are the knobs of a test; they
 * apply to requests that come after they were turned.
 */
export class MemoryCa implements CaProvider, RotatableRoot {
  readonly name: string;
  readonly #trustDomain: string;
  readonly #clock: Clock;
  #signing: Generation;
  #other: Generation | undefined;
  #rootStage: RootStage = 'single';
  #extraRoots: DerCertificates = [];
  readonly #rootChanges = new Changes();
  #gate: Promise<void> | undefined;
  #openGate: () => void = () => {};

  /** Every request that `sign` was given, in order. */
  readonly requests: SignRequest[] = [];
  /** How many times `roots` was asked. */
  rootRequests = 0;
  /** How many `sign` calls run now, and how many ran at most. */
  inFlight = 0;
  mostInFlight = 0;
  /** Overrides the lifetime asked for. */
  lifetimeMs: number | undefined;
  /** Where validity begins, relative to now. */
  notBeforeOffsetMs = 0;
  /** Changes the leaf before it is signed, to make a wrong certificate with a right signature. */
  changeLeaf: (template: CertificateTemplate) => CertificateTemplate = (template) => template;
  /** Changes the answer after it was signed. */
  changeAnswer: (chain: DerCertificates) => DerCertificates = (chain) => chain;
  /** Roots come with certificates and in no other way, as from Istio's CA API. */
  tellsRootsLate = false;
  #failure: AgentError | undefined;

  private constructor(name: string, trustDomain: string, clock: Clock, generation: Generation) {
    this.name = name;
    this.#trustDomain = trustDomain;
    this.#clock = clock;
    this.#signing = generation;
  }

  static async create(clock: Clock, options: MemoryCaOptions = {}): Promise<MemoryCa> {
    const { name = 'Memory', trustDomain = 'cluster.local' } = options;
    return new MemoryCa(name, trustDomain, clock, await createGeneration(trustDomain, clock.now()));
  }

  async sign(request: SignRequest, signal: AbortSignal): Promise<DerCertificates> {
    this.requests.push(request);
    this.inFlight++;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    try {
      await this.#passGate(signal);
      if (this.#failure !== undefined) throw this.#failure;
      const chain = this.#issue(request);
      if (this.tellsRootsLate) {
        this.tellsRootsLate = false;
        this.#rootChanges.notify();
      }
      return this.changeAnswer(chain);
    } finally {
      this.inFlight--;
    }
  }

  async roots(signal: AbortSignal): Promise<DerCertificates> {
    this.rootRequests++;
    await this.#passGate(signal);
    if (this.#failure !== undefined) throw this.#failure;
    return this.#currentRoots();
  }

  watchRoots(signal: AbortSignal): AsyncIterable<DerCertificates> {
    return this.#rootChanges.watch(() => this.#currentRoots(), signal);
  }

  get rootStage(): RootStage {
    return this.#rootStage;
  }

  async stageRoot(_signal: AbortSignal): Promise<void> {
    this.#demandStage('single');
    this.#other = await createGeneration(this.#trustDomain, this.#clock.now());
    this.#rootStage = 'staged';
    this.#rootChanges.notify();
  }

  async switchRoot(_signal: AbortSignal): Promise<void> {
    this.#demandStage('staged');
    if (this.#other !== undefined) [this.#signing, this.#other] = [this.#other, this.#signing];
    this.#rootStage = 'switched';
  }

  async retireRoot(_signal: AbortSignal): Promise<void> {
    this.#demandStage('switched');
    this.#other = undefined;
    this.#rootStage = 'single';
    this.#rootChanges.notify();
  }

  /** Every call fails with this from now on; undefined: they work again. */
  failWith(error: AgentError | undefined): void {
    this.#failure = error;
  }

  /** Holds every call back, until `release`. */
  hold(): void {
    this.#gate = new Promise((resolve) => {
      this.#openGate = resolve;
    });
  }

  release(): void {
    this.#gate = undefined;
    this.#openGate();
  }

  /** Gives these roots as well. */
  addRoots(ders: DerCertificates): void {
    this.#extraRoots = [...this.#extraRoots, ...ders];
    this.#rootChanges.notify();
  }

  /** A new root and intermediate at once, without any stage: what was signed before does not verify any more. */
  async replaceRoot(): Promise<void> {
    this.#signing = await createGeneration(this.#trustDomain, this.#clock.now());
    this.#rootChanges.notify();
  }

  /** The root that signs now, DER. */
  get rootDer(): Uint8Array {
    return this.#signing.root.der;
  }

  #currentRoots(): DerCertificates {
    if (this.tellsRootsLate) return this.#extraRoots;
    const others = this.#other === undefined ? [] : [this.#other.root.der];
    return [this.#signing.root.der, ...others, ...this.#extraRoots];
  }

  #issue({ id, csr, ttlMs }: SignRequest): DerCertificates {
    const { publicKeyDer, publicKeyKind } = parseCsr(csr);
    const { intermediate } = this.#signing;
    const notBeforeMs = this.#clock.now() + this.notBeforeOffsetMs;
    const validity = { notBeforeMs, notAfterMs: notBeforeMs + (this.lifetimeMs ?? ttlMs) };
    const subject = { spiffeId: id, publicKeyDer, isRsa: publicKeyKind.algorithm === 'rsa' };
    const template = this.changeLeaf(leafTemplate(subject, intermediate, validity));
    return [signCertificate(template, intermediate.keyPair), intermediate.der];
  }

  async #passGate(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const giveUp = (): void => reject(new AgentError('ca-timeout', 'the request to the CA was given up'));
      if (signal.aborted) giveUp();
      signal.addEventListener('abort', giveUp, { once: true });
      void (this.#gate ?? Promise.resolve()).then(() => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      });
    });
  }

  #demandStage(stage: RootStage): void {
    if (this.#rootStage !== stage) {
      throw new AgentError('ca-request-refused', `the root is ${this.#rootStage}, not ${stage}`);
    }
  }
}

async function createGeneration(trustDomain: string, nowMs: number): Promise<Generation> {
  const validity = { notBeforeMs: nowMs - days(1), notAfterMs: nowMs + days(3650) };
  const rootKey = await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' });
  const rootSubject = { trustDomain, role: 'memory root', publicKeyDer: rootKey.publicKeyDer };
  const root = toAuthority(signCertificate(rootTemplate(rootSubject, validity), rootKey), rootKey);
  const intermediateKey = await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' });
  const subject = { trustDomain, role: 'memory intermediate', publicKeyDer: intermediateKey.publicKeyDer };
  const intermediateDer = signCertificate(intermediateTemplate(subject, root, validity), rootKey);
  return { root, intermediate: toAuthority(intermediateDer, intermediateKey) };
}

function toAuthority(der: Uint8Array, keyPair: KeyPair): Authority {
  const { subjectDer, publicKeyDer } = parseCertificate(der);
  return { der, subjectDer, publicKeyDer, keyPair };
}
