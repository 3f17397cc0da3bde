import { setMaxListeners } from 'node:events';
import { joined } from './ca-providers/failover/joined.ts';
import { type LoadedCaProvider, loadCaProviders } from './ca-providers/registry.ts';
import { BundleKeeper } from './cache/bundle-keeper.ts';
import { Issuer } from './cache/issuer.ts';
import { RootReplacement } from './cache/root-replacement.ts';
import { SecretCache } from './cache/secret-cache.ts';
import { parsePolicy } from './config/policy-file.ts';
import type { LimitSettings, Settings } from './config/settings.ts';
import { AgentError } from './core/agent-error.ts';
import type { CaProvider } from './core/ca-provider.ts';
import type { Caller } from './core/caller.ts';
import type { Clock } from './core/clock.ts';
import { EVERYBODY } from './core/identity-policy.ts';
import type { JwtAuthority } from './core/jwt-authority.ts';
import type { KubernetesSecrets } from './core/kubernetes-secrets.ts';
import type { Log } from './core/log.ts';
import type { PeerAttestor } from './core/peer-attestor.ts';
import type { ResourceNames } from './core/resource-name.ts';
import type { RotatableRoot } from './core/root-rotation.ts';
import type { Authenticator } from './core/rpc.ts';
import type { SpiffeId } from './core/spiffe-id.ts';
import type { AgentControl, AgentStatus, AgentView, ServedResource } from './core/status-report.ts';
import type { TokenVerifier } from './core/token-verifier.ts';
import { FileSecretNames } from './file-secrets/file-secret-names.ts';
import { FileSecretStore } from './file-secrets/file-secret-store.ts';
import { GatewayEndpoint } from './gateway-endpoint.ts';
import { loadPeerAttestor } from './identity/attestation/load-peer-attestor.ts';
import { attested } from './identity/attested.ts';
import { AttestedAuthenticator } from './identity/attested-authenticator.ts';
import { byTokenOr } from './identity/by-token-or.ts';
import { loadTokenVerifier } from './identity/load-token-verifier.ts';
import { metered as meteredVerifier } from './identity/metered.ts';
import { toPeerKey } from './identity/peer-key.ts';
import { permitted } from './identity/permitted.ts';
import { PolicyKeeper } from './identity/policy-keeper.ts';
import { remembered } from './identity/remembered.ts';
import { TokenAuthenticator } from './identity/token-authenticator.ts';
import { untilVerifierWorks } from './identity/until-verifier-works.ts';
import { randomHex } from './keys/random.ts';
import { type LazyKubernetes, lazyKubernetes } from './kubernetes/lazy-kubernetes.ts';
import type { RequestedTokens } from './kubernetes/requested-tokens.ts';
import { aborted } from './runtime/aborted.ts';
import { dispatched } from './sds/dispatched.ts';
import { IdentityLimits } from './sds/identity-limits.ts';
import { RefusalLog } from './sds/refusal-log.ts';
import { RejectionLog } from './sds/rejection-log.ts';
import { SDS_SERVICE_NAMES, sdsMethods, sdsRoutes } from './sds/sds-services.ts';
import { StreamRegistry } from './sds/stream-registry.ts';
import { createHealthMethods } from './telemetry/grpc-health.ts';
import { type MeteredCa, metered as meteredCa } from './telemetry/metered-ca.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';
import { type Close, OperatorPages } from './telemetry/operator-pages.ts';
import { requireUnserved } from './telemetry/private-socket.ts';
import { Readiness } from './telemetry/readiness.ts';
import { requireApart } from './telemetry/require-apart.ts';
import { SocketListener } from './transport/socket-listener.ts';
import type { TransportLimits } from './transport/transport-limits.ts';
import { createWorkloadEndpoint, type WorkloadEndpoint } from './workload-endpoint.ts';

/** What an agent takes from the process that runs it. */
export interface AgentParts {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly log: Log;
  /** Of this package, for people and metrics. */
  readonly version: string;
  /** A CA in place of the one that the settings name, for whoever embeds the agent. */
  readonly ca?: LoadedCaProvider;
  /** In place of the kernel, for whoever knows its peers otherwise; not asked with `PEER_ATTESTATION=off`. */
  readonly attestor?: PeerAttestor;
}

/** What takes I/O to make. */
interface LoadedParts {
  readonly metrics: Metrics;
  /** Those of `CA_PROVIDER`, the preferred one first. */
  readonly cas: readonly MeteredCa[];
  readonly root: RotatableRoot | undefined;
  readonly jwtAuthority: JwtAuthority | undefined;
  readonly authenticator: Authenticator<Caller>;
  /** For callers without a token; undefined: those are refused. */
  readonly byKernel: Authenticator<Caller> | undefined;
  readonly requested: RequestedTokens | undefined;
  readonly attestor: PeerAttestor | undefined;
  /** Undefined: everybody whose token is good is served. */
  readonly policy: PolicyKeeper | undefined;
  readonly verifier: TokenVerifier;
  /** For gateways; undefined: they are served none. */
  readonly secrets: KubernetesSecrets | undefined;
  readonly life: AbortController;
}

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
    const random = Math.random;
    const timeLimitMs = settings.ca.timeoutMs;
    const ca = joined(cas, { timeLimitMs, clock, log, random });
    this.#ca = ca;
    const { trustDomain } = settings.identity;
    const onRetry = (): void => metrics.ca.retried(ca.name);
    this.#bundles = new BundleKeeper({
      provider: ca,
      trustDomain,
      held: () => this.#cache.held(),
      timeLimitMs,
      clock,
      log,
      meter: metrics.bundle,
      onRetry,
      random,
    });
    const issuer = new Issuer(ca, this.#bundles, clock, {
      key: certificates.key,
      keyEncoding: certificates.pkcs8 ? 'pkcs8' : 'traditional',
      ttlMs: certificates.ttlMs,
      timeLimitMs,
      ...(policy && { judge: policy }),
    });
    this.#cache = new SecretCache({
      issuer,
      bundles: this.#bundles,
      policy: { ratio: certificates.gracePeriodRatio, jitter: certificates.gracePeriodRatioJitter },
      maxInFlight: settings.ca.maxInflight,
      maxPerSecond: settings.ca.maxPerSecond,
      forgetAfterMs: certificates.forgetAfterMs,
      clock,
      log,
      meter: metrics.cache,
      onRetry,
      random,
    });
    this.#rootReplacement = root && new RootReplacement(root, this.#bundles, this.#cache, clock, log);
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
      judge: policy ?? EVERYBODY,
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
      return await Agent.#loadFor(life, parts);
    } catch (thrown) {
      life.abort();
      throw thrown;
    }
  }

  static async #loadFor(life: AbortController, parts: AgentParts): Promise<Agent> {
    const { settings, clock, log, version } = parts;
    const metrics = createMetrics({ clock, version });
    const { stateDir, identity } = settings;
    const kubernetes = lazyKubernetes(settings.kubernetes, clock);
    const tokenReviewer = kubernetes && (() => kubernetes.tokenReviewer());
    // Before the CA, whose first start writes its keys: a verifier that cannot be had leaves none behind.
    const policy = await loadPolicy(parts, metrics);
    const verifier = await loadTokenVerifier({
      ...identity,
      tokenReviewer,
      stateDir,
      clock,
      log,
      lifetime: life.signal,
    });
    const loaded = parts.ca === undefined ? await loadCas(parts, life.signal) : [parts.ca];
    const meter = metrics.token;
    const tokens = new TokenAuthenticator({
      verifier: remembered(meteredVerifier(verifier, meter), { clock, meter, lifetime: life.signal }),
      meter,
      sharing: identity.sharing,
    });
    const { peerAttestation: mode, trustDomain, sharing } = identity;
    const attestor = mode === 'off' ? undefined : (parts.attestor ?? loadPeerAttestor(mode, log));
    const byToken = mode === 'off' ? tokens : attested(tokens, { mode, meter: metrics.peer, clock, log });
    const requested = await loadRequestedTokens(parts, kubernetes, life.signal);
    const byKernel = requested && new AttestedAuthenticator({ tokens: requested, trustDomain, sharing, meter });
    const known = byKernel === undefined ? byToken : byTokenOr(byToken, byKernel);
    const authenticator = policy === undefined ? known : permitted(known, policy);
    const cas = loaded.map(({ provider }) => meteredCa(provider, metrics.ca, clock));
    // Every certificate has to be renewed under the new root; with several CAs another may sign some of them.
    const [{ rotatableRoot: root, loadJwtAuthority } = {}] = loaded.length === 1 ? loaded : [];
    const jwtAuthority = settings.workloadApi.socketPath === undefined ? undefined : await loadJwtAuthority?.();
    const { gateway } = settings;
    const secrets = gateway && (await kubernetes?.gatewaySecrets(gateway.namespace, log));
    return new Agent(parts, {
      metrics,
      cas,
      root,
      jwtAuthority,
      authenticator,
      byKernel,
      requested,
      policy,
      attestor,
      verifier,
      secrets,
      life,
    });
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

/** Tokens for callers that bring none, where WORKLOAD_TOKENS asks for them. */
async function loadRequestedTokens(
  { settings, log }: AgentParts,
  kubernetes: LazyKubernetes | undefined,
  lifetime: AbortSignal,
): Promise<RequestedTokens | undefined> {
  const { nodeName } = settings.kubernetes;
  const [audience] = settings.identity.audiences;
  if (settings.identity.workloadTokens !== 'request' || nodeName === undefined || audience === undefined)
    return undefined;
  return await kubernetes?.requestedTokens({ nodeName, audience, lifetime, log, random: Math.random });
}

function toPeerLimits(limits: LimitSettings): Partial<TransportLimits> {
  return {
    maxConnectionsPerPeer: limits.connectionsPerPeer,
    maxCallsPerPeer: limits.streamsPerPeer,
    newCallsPerSecond: limits.newStreamsPerSecond,
    newCallsBurst: limits.newStreamsBurst,
  };
}

async function loadPolicy({ settings, clock, log }: AgentParts, metrics: Metrics): Promise<PolicyKeeper | undefined> {
  const path = settings.identity.policyFile;
  if (path === undefined) return undefined;
  return await PolicyKeeper.load({ path, parse: parsePolicy, clock, log, meter: metrics.policy });
}

function loadCas({ settings, clock, log }: AgentParts, lifetime: AbortSignal): Promise<readonly LoadedCaProvider[]> {
  const { trustDomain } = settings.identity;
  return loadCaProviders(settings.ca.providers, { ...settings, trustDomain, clock, log, lifetime });
}
