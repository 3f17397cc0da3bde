import { setMaxListeners } from 'node:events';
import type { BundleKeeper } from './cache/bundle-keeper.ts';
import type { RootReplacement } from './cache/root-replacement.ts';
import type { SecretCache } from './cache/secret-cache.ts';
import type { LimitSettings } from './config/settings.ts';
import { AgentError } from './core/agent-error.ts';
import type { CaProvider } from './core/ca-provider.ts';
import { EVERYBODY } from './core/identity-policy.ts';
import type { ResourceNames } from './core/resource-name.ts';
import type { SpiffeId } from './core/spiffe-id.ts';
import type { AgentControl, AgentStatus, AgentView, ServedResource } from './core/status-report.ts';
import type { TokenVerifier } from './core/token-verifier.ts';
import { createIssuing } from './create-issuing.ts';
import { FileSecretNames } from './file-secrets/file-secret-names.ts';
import { FileSecretStore } from './file-secrets/file-secret-store.ts';
import { GatewayEndpoint } from './gateway-endpoint.ts';
import { toPeerKey } from './identity/peer-key.ts';
import type { PolicyKeeper } from './identity/policy-keeper.ts';
import { untilVerifierWorks } from './identity/until-verifier-works.ts';
import { randomHex } from './keys/random.ts';
import type { RequestedTokens } from './kubernetes/requested-tokens.ts';
import { type AgentParts, type LoadedParts, loadAgentParts } from './load-agent-parts.ts';
import { aborted } from './runtime/aborted.ts';
import { dispatched } from './sds/dispatched.ts';
import { IdentityLimits } from './sds/identity-limits.ts';
import { RefusalLog } from './sds/refusal-log.ts';
import { RejectionLog } from './sds/rejection-log.ts';
import { SDS_SERVICE_NAMES, sdsMethods, sdsRoutes } from './sds/sds-services.ts';
import { StreamRegistry } from './sds/stream-registry.ts';
import { createHealthMethods } from './telemetry/grpc-health.ts';
import type { MeteredCa } from './telemetry/metered-ca.ts';
import { type Close, OperatorPages } from './telemetry/operator-pages.ts';
import { requireUnserved } from './telemetry/private-socket.ts';
import { Readiness } from './telemetry/readiness.ts';
import { requireApart } from './telemetry/require-apart.ts';
import { SocketListener } from './transport/socket-listener.ts';
import type { TransportLimits } from './transport/transport-limits.ts';
import { createWorkloadEndpoint, type WorkloadEndpoint } from './workload-endpoint.ts';

/**
 * The node agent, put together: the one place that knows every room. It holds no logic of its own beyond the
 * order in which things start and stop.
 */
export class Agent implements AgentView, AgentControl {
  readonly #parts: AgentParts;
  /** Aborts when the agent has stopped serving. */
  readonly #life: AbortController;
  readonly #startedAtMs: number;
  readonly #verifier: TokenVerifier;
  readonly #policy: PolicyKeeper | undefined;
  readonly #readiness: Readiness;
  readonly #pages: OperatorPages;
  readonly #cas: readonly MeteredCa[];
  readonly #ca: CaProvider;
  readonly #bundles: BundleKeeper;
  readonly #cache: SecretCache;
  readonly #files: FileSecretStore;
  readonly #streams: StreamRegistry;
  readonly #listener: SocketListener;
  readonly #gateways: GatewayEndpoint | undefined;
  readonly #workloadApi: WorkloadEndpoint | undefined;
  readonly #requestedTokens: RequestedTokens | undefined;
  readonly #rootReplacement: RootReplacement | undefined;

  private constructor(parts: AgentParts, loaded: LoadedParts) {
    const { settings, clock, log } = parts;
    const { certificates, sds, workloadApi } = settings;
    const { metrics, cas, root, jwtAuthority, authenticator, byKernel, requested, policy } = loaded;
    const { attestor, verifier, secrets, life } = loaded;
    const judge = policy ?? EVERYBODY;
    this.#parts = parts;
    this.#life = life;
    this.#verifier = verifier;
    this.#policy = policy;
    this.#cas = cas;
    this.#requestedTokens = requested;
    this.#startedAtMs = clock.now();
    this.#readiness = new Readiness({
      ca: () => this.#bundles.isCaReached,
      pods: () => requested?.isReady ?? true,
      secrets: () => this.#nothingServedHasExpired(),
    });
    this.#pages = new OperatorPages({ shown: this, metrics, readiness: this.#readiness, clock, log });
    const { ca, bundles, cache, rootReplacement } = createIssuing(settings, { cas, root, judge, metrics, clock, log });
    this.#ca = ca;
    this.#bundles = bundles;
    this.#cache = cache;
    this.#rootReplacement = rootReplacement;
    this.#streams = new StreamRegistry(metrics.sds, randomHex(8));
    const refusals = new RefusalLog(log, clock);
    this.#files = new FileSecretStore({ clock, log, forgetAfterMs: certificates.forgetAfterMs });
    const fileNames = new FileSecretNames(settings.fileSecrets.directories, clock, log);
    const names: ResourceNames = { ...sds, elsewhere: (name, caller) => fileNames.resolve(name, caller) };
    const store = dispatched({ issued: this.#cache, files: this.#files });
    const peerLimits = toPeerLimits(settings.limits);
    const base = {
      authenticator,
      clock,
      log,
      refusals,
      rejections: new RejectionLog(log, clock),
      meter: metrics.sds,
      limits: new IdentityLimits(settings.limits.streamsPerIdentity, metrics.transport),
    };
    const context = { ...base, store, names };
    const health = createHealthMethods(SDS_SERVICE_NAMES, this.#readiness, metrics.transport);
    this.#listener = new SocketListener({
      path: sds.socketPath,
      mode: sds.socketMode,
      gid: sds.socketGid,
      methods: new Map([...sdsMethods(context, this.#streams), ...health]),
      routes: sdsRoutes(context),
      attestor,
      log,
      meter: metrics.transport,
      clock,
      limits: peerLimits,
      peerKey: toPeerKey,
    });
    this.#gateways =
      settings.gateway &&
      secrets &&
      new GatewayEndpoint({
        settings: settings.gateway,
        sds,
        secrets,
        issued: this.#cache,
        context: base,
        streams: this.#streams,
        health,
        forgetAfterMs: certificates.forgetAfterMs,
        attestor,
        limits: peerLimits,
        peerKey: toPeerKey,
        meter: metrics.transport,
      });
    this.#workloadApi = createWorkloadEndpoint({
      settings: workloadApi,
      authenticator: byKernel,
      attestor,
      store,
      jwtAuthority,
      peerLimits,
      judge,
      clock,
      log,
      metrics,
    });
  }

  /**
   * Loads what is on disk and puts the agent together; nothing listens yet.
   *
   * @throws AgentError `settings-invalid`, `ca-state-broken`, or whatever keeps the CA or the verifier from being used
   */
  static async load(parts: AgentParts): Promise<Agent> {
    const life = new AbortController();
    // Each verification and request that is under way listens to it.
    setMaxListeners(0, life.signal);
    try {
      return new Agent(parts, await loadAgentParts(parts, life));
    } catch (thrown) {
      life.abort();
      throw thrown;
    }
  }

  /**
   * Serves until the signal aborts, then drains: streams end, the socket goes, what is in flight ends.
   *
   * @throws AgentError `socket-unusable`, or `settings-invalid` for an admin socket where pods reach it
   */
  async run(signal: AbortSignal): Promise<void> {
    const { settings, log, version } = this.#parts;
    const life = this.#life;
    // Whatever fails from here on, what was loaded ends with it.
    const closers: Close[] = [async () => life.abort()];
    try {
      await this.#requirePlaces();
      // Before anybody is served: so a start that takes long can be watched.
      const { address, port, debugPort } = settings.monitoring;
      closers.push(await this.#pages.openMonitoring(address, port));
      closers.push(await this.#pages.openStatusPage(debugPort));
      const working = Promise.all([
        this.#cache.run(life.signal),
        this.#files.run(life.signal),
        this.#untilVerifierWorks(life.signal),
        this.#workloadApi?.run(life.signal),
        this.#requestedTokens?.run(life.signal),
        this.#gateways?.run(life.signal),
        this.#policy?.run(() => this.#enforcePolicy(), life.signal),
      ]);
      closers.push(async () => {
        life.abort();
        await working;
      });
      await this.#listener.listen();
      closers.push(() => this.#drain());
      await this.#workloadApi?.listen();
      await this.#gateways?.listen();
      // Closed before the SDS socket, for the successor.
      closers.push(await this.#pages.openAdmin(settings.admin.socketPath));
      this.#readiness.set('socket', true);
      log.info('the agent serves secrets', { socket: settings.sds.socketPath, ca: this.#ca.name, version });
      await Promise.race([aborted(signal), working]);
    } finally {
      for (const close of closers.reverse()) await close();
      log.info('the agent has stopped');
    }
  }

  status(): AgentStatus {
    const { settings, clock, version } = this.#parts;
    return {
      version,
      trustDomain: settings.identity.trustDomain,
      startedAtMs: this.#startedAtMs,
      nowMs: clock.now(),
      connections: this.#listener.connections + (this.#gateways?.connections ?? 0),
      streams: this.#streams.size,
      identities: this.#cache.identities(),
      bundles: this.#cache.bundles(),
      foreign: [...this.#files.status(), ...(this.#gateways?.status() ?? [])],
      pending: this.#streams.pending(),
      ca: this.#cas.map((ca) => ca.health()),
      ...(this.#policy && { policy: this.#policy.status() }),
      unready: this.#readiness.unmet(),
    };
  }

  served(): readonly ServedResource[] {
    return this.#streams.served();
  }

  rotate(which: { readonly spiffeId: SpiffeId } | 'all', signal: AbortSignal): Promise<readonly SpiffeId[]> {
    return this.#cache.renew(which, signal);
  }

  async rotateRoot(onProgress: (step: string) => void, signal: AbortSignal): Promise<void> {
    if (this.#rootReplacement === undefined) {
      const { name } = this.#ca;
      const reason =
        this.#cas.length > 1
          ? `CA_PROVIDER is ${name}: a root is replaced from here where Embedded is the only one`
          : `${name} keeps its root itself: replace it there, the agent follows`;
      throw new AgentError('request-unimplemented', reason);
    }
    await this.#rootReplacement.run(onProgress, signal);
  }

  /** Before anything is opened, so that a second agent is told of the first, and not of a port that is taken. */
  async #requirePlaces(): Promise<void> {
    const { sds, admin, gateway, workloadApi } = this.#parts.settings;
    await this.#listener.requireFree();
    await this.#workloadApi?.requireFree();
    await this.#gateways?.requireFree();
    await requireApart(admin.socketPath, {
      SDS_UDS_PATH: sds.socketPath,
      WORKLOAD_API_UDS_PATH: workloadApi.socketPath,
      GATEWAY_SDS_UDS_PATH: gateway?.socketPath,
    });
    await requireUnserved(admin.socketPath);
  }

  /** Readiness waits for it, serving does not: who comes meanwhile is told that nobody can be verified. */
  async #untilVerifierWorks(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#parts;
    const works = await untilVerifierWorks(this.#verifier, { clock, log, random: Math.random }, signal);
    if (works) this.#readiness.set('token-verifier', true);
  }

  /** Another policy holds: who may not be served any more is told so, and what was his is forgotten. */
  #enforcePolicy(): void {
    if (this.#policy === undefined) return;
    this.#streams.recheck(this.#policy);
    this.#cache.revoke(this.#policy);
  }

  async #drain(): Promise<void> {
    this.#parts.log.info('stopping: streams end, so that each envoy looks for the next agent');
    this.#readiness.set('running', false);
    const { drainTimeoutMs } = this.#parts.settings;
    const endpoints = [this.#listener, this.#workloadApi, this.#gateways];
    await Promise.all(endpoints.map((endpoint) => endpoint?.drain(drainTimeoutMs)));
  }

  /** An identity that never had a certificate is waiting, not expired. */
  #nothingServedHasExpired(): boolean {
    const nowMs = this.#parts.clock.now();
    return this.#cache.identities().every(({ streams, notAfterMs = Infinity }) => streams === 0 || nowMs < notAfterMs);
  }
}

function toPeerLimits(limits: LimitSettings): Partial<TransportLimits> {
  return {
    maxConnectionsPerPeer: limits.connectionsPerPeer,
    maxCallsPerPeer: limits.streamsPerPeer,
    newCallsPerSecond: limits.newStreamsPerSecond,
    newCallsBurst: limits.newStreamsBurst,
  };
}
