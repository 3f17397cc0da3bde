import { setMaxListeners } from 'node:events';
import type { EmbeddedProvider } from './ca-providers/embedded/embedded-provider.ts';
import { loadEmbeddedProvider } from './ca-providers/embedded/load-embedded-provider.ts';
import { IssuedServerCertificate } from './ca-service/issued-server-certificate.ts';
import { ISTIO_CA_SERVICE, istioCaMethods } from './ca-service/istio-ca.ts';
import { PublishedRoots, type PublishRoots } from './ca-service/published-roots.ts';
import { ServerCertificateFiles } from './ca-service/server-certificate-files.ts';
import { TimedRootReplacement } from './ca-service/timed-root-replacement.ts';
import type { Settings } from './config/settings.ts';
import { AgentError, toAgentError } from './core/agent-error.ts';
import type { Clock } from './core/clock.ts';
import type { Log } from './core/log.ts';
import type { AgentControl, AgentStatus, AgentView } from './core/status-report.ts';
import type { TokenVerifier } from './core/token-verifier.ts';
import { loadTokenVerifier } from './identity/load-token-verifier.ts';
import { metered as meteredVerifier } from './identity/metered.ts';
import { remembered } from './identity/remembered.ts';
import { TokenAuthenticator } from './identity/token-authenticator.ts';
import { untilVerifierWorks } from './identity/until-verifier-works.ts';
import type { SubjectAltName } from './keys/subject-alt-name.ts';
import { lazyKubernetes } from './kubernetes/lazy-kubernetes.ts';
import { repeat } from './runtime/repeat.ts';
import { RefusalLog } from './sds/refusal-log.ts';
import { createHealthMethods } from './telemetry/grpc-health.ts';
import { type MeteredCa, metered as meteredCa } from './telemetry/metered-ca.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';
import { type Close, OperatorPages } from './telemetry/operator-pages.ts';
import { Readiness } from './telemetry/readiness.ts';
import type { ServingOptions } from './transport/connections.ts';
import { SocketListener } from './transport/socket-listener.ts';
import { TlsListener } from './transport/tls-listener.ts';
import type { TransportLimits } from './transport/transport-limits.ts';

/** Where the CA is served, and what it shows of itself there. */
export type CaEndpoint =
  /** Without TLS, as clients of `unix:` addresses expect it: the file's rights and the token say who may. */
  | { readonly kind: 'unix'; readonly path: string }
  | {
      readonly kind: 'tls';
      readonly host: string;
      /** 0 is any free one, named in the log. */
      readonly port: number;
      /** Files with chain and key in PEM; or the names for which the CA itself signs a certificate. */
      readonly certificate:
        | { readonly certificateFile: string; readonly keyFile: string }
        | { readonly names: readonly SubjectAltName[] };
    };

/** The place of a ConfigMap. */
export interface RootConfigMap {
  readonly namespace: string;
  readonly name: string;
}

/** The key in it, which Istio's own ConfigMap has as well. */
const ROOT_KEY = 'root-cert.pem';

/** What a CA server takes from the process that runs it. */
export interface CaServerParts {
  readonly settings: Settings;
  readonly endpoint: CaEndpoint;
  /** Where the CA's roots are written; undefined: nowhere. */
  readonly rootFile: string | undefined;
  /** The ConfigMap that they are written to, which needs `settings.kubernetes.api`; undefined: none. */
  readonly rootConfigMap: RootConfigMap | undefined;
  /** The longest life that is given to a certificate. */
  readonly maxTtlMs: number;
  /** Where the root is replaced from; undefined: from nowhere. */
  readonly adminSocket: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  /** Of this package, for people and metrics. */
  readonly version: string;
}

/** A CSR of an RSA key is 2 KB, a token at most 16 KB; an agent has one connection, and few calls on it. */
const LIMITS: Partial<TransportLimits> = {
  maxMessageBytes: 64 * 1024,
  maxUnfinishedBytes: 16 * 1024 * 1024,
  maxConnections: 2000,
  // Behind one address may be a whole cluster; nevertheless nobody may have all places.
  maxConnectionsPerPeer: 500,
  // Not bounded for the same reason: how many are worked on at a time is.
  maxCallsPerPeer: 50_000,
  newCallsPerSecond: 50_000,
  newCallsBurst: 50_000,
  messagesPerSecond: 50_000,
  maxStreamsPerConnection: 100,
};

/** How often files and certificates are looked at. */
const LOOK_AFTER_MS = 10_000;

/** What takes I/O to make. */
interface LoadedParts {
  readonly metrics: Metrics;
  readonly provider: EmbeddedProvider;
  readonly authenticator: TokenAuthenticator;
  readonly verifier: TokenVerifier;
  /** Writes the CA's roots to a ConfigMap; undefined: none is wanted. */
  readonly publish: PublishRoots | undefined;
  readonly life: AbortController;
}

/** The embedded CA behind Istio's CA API, put together. Like `Agent`, it holds only the order of starts and stops. */
export class CaServer implements AgentView, AgentControl {
  readonly #parts: CaServerParts;
  /** Aborts when it has stopped serving. */
  readonly #life: AbortController;
  readonly #startedAtMs: number;
  readonly #pages: OperatorPages;
  readonly #readiness = new Readiness({ ca: () => this.#roots.areUsable });
  readonly #verifier: TokenVerifier;
  readonly #ca: MeteredCa;
  readonly #roots: PublishedRoots;
  readonly #rootReplacement: TimedRootReplacement;
  readonly #listener: SocketListener | TlsListener;
  readonly #certificate: IssuedServerCertificate | ServerCertificateFiles | undefined;

  private constructor(parts: CaServerParts, loaded: LoadedParts) {
    const { metrics, provider, authenticator, verifier, publish, life } = loaded;
    const { settings, endpoint, rootFile, maxTtlMs, clock, log } = parts;
    this.#parts = parts;
    this.#life = life;
    this.#startedAtMs = clock.now();
    this.#pages = new OperatorPages({ shown: this, metrics, readiness: this.#readiness, clock, log });
    this.#verifier = verifier;
    this.#ca = meteredCa(provider, metrics.ca, clock);
    // Not the metered one: it counts what callers have asked for.
    this.#roots = new PublishedRoots({ ca: provider, file: rootFile, publish, clock, log });
    this.#rootReplacement = new TimedRootReplacement(provider, maxTtlMs, clock);
    const refusals = new RefusalLog(log, clock);
    const istioCa = istioCaMethods({
      authenticator,
      ca: this.#ca,
      ttlMs: settings.certificates.ttlMs,
      maxTtlMs,
      log,
      onRefused: (call, error) => refusals.refused(call, error),
    });
    const serving: ServingOptions = {
      methods: new Map([...istioCa, ...createHealthMethods([ISTIO_CA_SERVICE], this.#readiness, metrics.transport)]),
      routes: new Map(),
      log,
      meter: metrics.transport,
      clock,
      limits: LIMITS,
    };
    if (endpoint.kind === 'unix') {
      const { socketMode, socketGid } = settings.sds;
      this.#listener = new SocketListener({ ...serving, path: endpoint.path, mode: socketMode, gid: socketGid });
    } else {
      const listener = new TlsListener({ ...serving, host: endpoint.host, port: endpoint.port });
      const { certificate } = endpoint;
      const show = listener.setCertificate.bind(listener);
      this.#listener = listener;
      this.#certificate =
        'names' in certificate
          ? new IssuedServerCertificate({ signer: provider, names: certificate.names, show, clock, log })
          : new ServerCertificateFiles({ ...certificate, show, log });
    }
  }

  /**
   * Loads what is on disk and puts the server together; nothing listens yet.
   *
   * @throws AgentError `settings-invalid`, `ca-state-broken`, or whatever keeps the verifier from being used
   */
  static async load(parts: CaServerParts): Promise<CaServer> {
    const life = new AbortController();
    // Each verification and request that is under way listens to it.
    setMaxListeners(0, life.signal);
    try {
      return await CaServer.#loadFor(life, parts);
    } catch (thrown) {
      life.abort();
      throw thrown;
    }
  }

  static async #loadFor(life: AbortController, parts: CaServerParts): Promise<CaServer> {
    const { settings, clock, log, version } = parts;
    const { stateDir, identity } = settings;
    const kubernetes = lazyKubernetes(settings.kubernetes, clock);
    const tokenReviewer = kubernetes && (() => kubernetes.tokenReviewer());
    const { trustDomain } = identity;
    if (settings.identity.policyFile !== undefined) {
      throw new AgentError(
        'settings-invalid',
        'POLICY_FILE is for run, ca signs for every identity whose token is good: leave it out',
      );
    }
    const metrics = createMetrics({ clock, version });
    const lifetime = life.signal;
    // Before the CA, whose first start writes its keys: a verifier that cannot be had leaves none behind.
    const verifier = await loadTokenVerifier({ ...identity, tokenReviewer, stateDir, clock, log, lifetime });
    const provider = await loadEmbeddedProvider({ stateDir, trustDomain, clock, log });
    const meter = metrics.token;
    const authenticator = new TokenAuthenticator({
      verifier: remembered(meteredVerifier(verifier, meter), { clock, meter, lifetime }),
      meter,
      // Who shares a key is decided where the key is: a CSR brings its own.
      sharing: 'service-account',
    });
    const { rootConfigMap: place } = parts;
    const publish: PublishRoots | undefined =
      place &&
      kubernetes &&
      ((pem, signal) => kubernetes.applyConfigMap({ ...place, data: { [ROOT_KEY]: pem } }, signal));
    return new CaServer(parts, { metrics, provider, authenticator, verifier, publish, life });
  }

  /**
   * Serves until the signal aborts, then drains: calls that are being answered end, the others are refused.
   *
   * @throws AgentError `socket-unusable`, or `settings-invalid` for a file that cannot be read or written
   */
  async run(signal: AbortSignal): Promise<void> {
    const { settings, endpoint, adminSocket, clock, log, version } = this.#parts;
    // Whatever fails from here on, what was loaded ends with it.
    const closers: Close[] = [async () => this.#life.abort()];
    try {
      const { address, port: monitoringPort } = settings.monitoring;
      closers.push(await this.#pages.openMonitoring(address, monitoringPort));
      const verifying = this.#untilVerifierWorks();
      closers.push(async () => {
        this.#life.abort();
        await verifying;
      });
      await this.#lookAfter(signal);
      const port = await this.#listener.listen();
      closers.push(() => this.#drain());
      closers.push(await this.#pages.openAdmin(adminSocket));
      this.#readiness.set('socket', true);
      const where = endpoint.kind === 'unix' ? { socket: endpoint.path } : { address: endpoint.host, port };
      log.info('the CA serves', { ...where, version });
      await repeat(
        clock,
        LOOK_AFTER_MS,
        signal,
        (stop) => this.#lookAfter(stop),
        (thrown) => {
          log.warn('what the CA shows could not be renewed; the old is still shown', { error: toAgentError(thrown) });
        },
      );
    } finally {
      for (const close of closers.reverse()) await close();
      log.info('the CA has stopped');
    }
  }

  status(): AgentStatus {
    const { settings, clock, version } = this.#parts;
    const { trustDomain } = settings.identity;
    const { roots } = this.#roots;
    const bundle = roots && { trustDomain, version: roots.version, roots: roots.count, notAfterMs: roots.notAfterMs };
    return {
      version,
      trustDomain,
      startedAtMs: this.#startedAtMs,
      nowMs: clock.now(),
      connections: this.#listener.connections,
      streams: 0,
      identities: [],
      bundles: bundle === undefined ? [] : [{ ...bundle, streams: 0 }],
      foreign: [],
      pending: [],
      ca: [this.#ca.health()],
      unready: this.#readiness.unmet(),
    };
  }

  served(): readonly [] {
    return [];
  }

  async rotate(): Promise<never> {
    throw new AgentError('request-unimplemented', 'a CA renews nothing by itself: ask the agent that holds it');
  }

  rotateRoot(onProgress: (step: string) => void, signal: AbortSignal): Promise<void> {
    return this.#rootReplacement.run(onProgress, signal);
  }

  async #lookAfter(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#certificate?.refresh(signal), this.#roots.refresh(signal)]);
  }

  async #untilVerifierWorks(): Promise<void> {
    const { clock, log } = this.#parts;
    const works = await untilVerifierWorks(this.#verifier, { clock, log, random: Math.random }, this.#life.signal);
    if (works) this.#readiness.set('token-verifier', true);
  }

  async #drain(): Promise<void> {
    this.#parts.log.info('stopping: whoever is being answered still is');
    this.#readiness.set('running', false);
    await this.#listener.drain(this.#parts.settings.drainTimeoutMs);
  }
}
