import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadEmbeddedJwtAuthority } from '../../src/ca-providers/embedded/load-embedded-jwt-authority.ts';
import { AgentError } from '../../src/core/agent-error.ts';
import type { Caller } from '../../src/core/caller.ts';
import type { KeySpec } from '../../src/core/key-spec.ts';
import { Redacted } from '../../src/core/redacted.ts';
import type { GrpcMethods, StreamHandler } from '../../src/core/rpc.ts';
import type { AllBundlesSecret, BundleSecret, CertificateSecret } from '../../src/core/secret.ts';
import { parseSpiffeId } from '../../src/core/spiffe-id.ts';
import { createCsr } from '../../src/keys/csr.ts';
import { sha256Hex } from '../../src/keys/digest.ts';
import { createKeyPair, type PrivateKeyEncoding } from '../../src/keys/key-pair.ts';
import { toPemBundle } from '../../src/keys/pem.ts';
import { JwtBundles } from '../../src/workload-api/jwt-bundles.ts';
import type { JwtContext } from '../../src/workload-api/workload-api-context.ts';
import { workloadApiMethods } from '../../src/workload-api/workload-api-methods.ts';
import { FakeClock, minutes, settle } from '../fakes/fake-clock.ts';
import { MemoryCa } from '../fakes/memory-ca.ts';
import { MemorySecretStore } from '../fakes/memory-secret-store.ts';
import { RecordingCall } from '../fakes/recording-call.ts';
import { RecordingLog } from '../fakes/recording-log.ts';

export const WEB = parseSpiffeId('spiffe://cluster.local/ns/shop/sa/web');
export const HEADER = { 'workload.spiffe.io': 'true' };

/** The Workload API over a store in memory, without a socket; who calls is what a test says. */
export class WorkloadWorld implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly store = new MemorySecretStore();
  /** The next answer of the authenticator. */
  caller: Caller | AgentError = callerOf(WEB);
  authentications = 0;
  streams = 0;
  readonly results: string[] = [];
  readonly refusals: string[] = [];
  readonly methods: GrpcMethods;
  readonly jwt: JwtContext | undefined;
  readonly #stateDir: string;
  readonly #ca: MemoryCa;
  readonly #stop = new AbortController();
  readonly #following: Promise<void> | undefined;

  private constructor(ca: MemoryCa, stateDir: string, clock: FakeClock, jwt: JwtContext | undefined) {
    this.#ca = ca;
    this.#stateDir = stateDir;
    this.clock = clock;
    this.jwt = jwt;
    this.methods = workloadApiMethods({
      store: this.store,
      authenticator: {
        recognize: () => undefined,
        authenticate: async () => {
          this.authentications++;
          if (this.caller instanceof AgentError) throw this.caller;
          return this.caller;
        },
      },
      jwt,
      clock,
      meter: {
        streamOpened: () => this.streams++,
        streamClosed: () => this.streams--,
        requested: (method, result) => this.results.push(`${method} ${result}`),
      },
      onRefused: (_call, { code }) => this.refusals.push(code),
    });
    this.#following = jwt?.bundles.run(this.#stop.signal);
  }

  static async create({ jwt = false } = {}): Promise<WorkloadWorld> {
    const clock = new FakeClock();
    const stateDir = await mkdtemp(join(tmpdir(), 'workload-api-'));
    const settings = { stateDir, trustDomain: 'cluster.local', clock, log: new RecordingLog() };
    const authority = jwt ? await loadEmbeddedJwtAuthority(settings) : undefined;
    const context = authority && { authority, bundles: new JwtBundles(authority), ttlMs: minutes(5) };
    return new WorkloadWorld(await MemoryCa.create(clock), stateDir, clock, context);
  }

  /** A real certificate with its key. */
  async issue(
    key: KeySpec = { algorithm: 'ecdsa', curve: 'P256' },
    encoding: PrivateKeyEncoding = 'pkcs8',
  ): Promise<CertificateSecret> {
    const keyPair = await createKeyPair(key);
    const request = { id: WEB, csr: createCsr(keyPair, WEB), ttlMs: minutes(60), token: new Redacted('') };
    const chainPem = Buffer.from(toPemBundle('CERTIFICATE', await this.#ca.sign(request, AbortSignal.timeout(10_000))));
    const privateKeyPem = keyPair.privateKeyPem(encoding);
    const nowMs = this.clock.now();
    const version = sha256Hex(chainPem);
    const times = { notBeforeMs: nowMs, notAfterMs: nowMs + minutes(60) };
    return { kind: 'certificate', version, spiffeId: WEB, chainPem, privateKeyPem, serial: '01', ...times };
  }

  async bundle(trustDomain = 'cluster.local'): Promise<BundleSecret> {
    const roots = await this.#ca.roots(AbortSignal.timeout(10_000));
    const rootsPem = Buffer.from(toPemBundle('CERTIFICATE', roots));
    const version = sha256Hex(rootsPem);
    const notAfterMs = this.clock.now() + minutes(60);
    return { kind: 'bundle', version, trustDomain, rootsPem, rootCount: roots.length, notAfterMs };
  }

  /** Puts a certificate and the bundle of its trust domain into the store. */
  async putAll(): Promise<CertificateSecret> {
    this.store.put(allOf([await this.bundle()]));
    const certificate = await this.issue();
    this.store.put(certificate);
    return certificate;
  }

  /** The roots become two. */
  async changeRoots(): Promise<void> {
    if (this.#ca.rootStage === 'single') await this.#ca.stageRoot(AbortSignal.timeout(10_000));
    this.store.put(allOf([await this.bundle()]));
  }

  /** Opens a stream. */
  async open(method: string, headers: Headers = HEADER): Promise<Opened> {
    const found = this.methods.get(`/SpiffeWorkloadAPI/${method}`);
    if (found?.kind !== 'stream') throw new Error(`no stream ${method}`);
    const call = new RecordingCall(headers);
    const handler = found.open(call);
    await settle();
    return { call, handler };
  }

  /** Opens a stream, and sends the one request. */
  async request(method: string): Promise<Opened> {
    const opened = await this.open(method);
    if (opened.call.ended === undefined) opened.handler.received(Buffer.alloc(0));
    return opened;
  }

  async unary(method: string, request: Uint8Array, headers: Headers = HEADER): Promise<Uint8Array> {
    const found = this.methods.get(`/SpiffeWorkloadAPI/${method}`);
    if (found?.kind !== 'unary') throw new Error(`no unary method ${method}`);
    return found.handle(new RecordingCall(headers), async () => Buffer.from(request));
  }

  /** Resolves once it is true, letting this much time pass at each look; what is awaited does real I/O. */
  async until(isTrue: () => boolean, stepMs = 0): Promise<void> {
    const giveUpMs = performance.now() + 10_000;
    while (!isTrue()) {
      if (performance.now() > giveUpMs) throw new Error('waited in vain');
      await this.clock.advance(stepMs);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#following;
    await rm(this.#stateDir, { recursive: true });
  }
}

export type Headers = Readonly<Record<string, string | readonly string[]>>;

export interface Opened {
  readonly call: RecordingCall;
  readonly handler: StreamHandler;
}

export function callerOf(spiffeId: Caller['identity']['spiffeId']): Caller {
  const identity = { spiffeId, key: spiffeId };
  return { identity, token: new Redacted(''), tokenExpiresAtMs: Number.POSITIVE_INFINITY };
}

export function allOf(bundles: readonly BundleSecret[]): AllBundlesSecret {
  return { kind: 'all-bundles', version: bundles.map(({ version }) => version).join(), bundles };
}
