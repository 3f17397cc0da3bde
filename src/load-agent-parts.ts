import { type LoadedCaProvider, loadCaProviders } from './ca-providers/registry.ts';
import { parsePolicy } from './config/policy-file.ts';
import type { Settings } from './config/settings.ts';
import type { Caller } from './core/caller.ts';
import type { Clock } from './core/clock.ts';
import type { JwtAuthority } from './core/jwt-authority.ts';
import type { KubernetesSecrets } from './core/kubernetes-secrets.ts';
import type { Log } from './core/log.ts';
import type { PeerAttestor } from './core/peer-attestor.ts';
import type { RotatableRoot } from './core/root-rotation.ts';
import type { Authenticator } from './core/rpc.ts';
import type { TokenVerifier } from './core/token-verifier.ts';
import { loadPeerAttestor } from './identity/attestation/load-peer-attestor.ts';
import { attested } from './identity/attested.ts';
import { AttestedAuthenticator } from './identity/attested-authenticator.ts';
import { byTokenOr } from './identity/by-token-or.ts';
import { loadTokenVerifier } from './identity/load-token-verifier.ts';
import { metered as meteredVerifier } from './identity/metered.ts';
import { permitted } from './identity/permitted.ts';
import { PolicyKeeper } from './identity/policy-keeper.ts';
import { remembered } from './identity/remembered.ts';
import { TokenAuthenticator } from './identity/token-authenticator.ts';
import { type LazyKubernetes, lazyKubernetes } from './kubernetes/lazy-kubernetes.ts';
import type { RequestedTokens } from './kubernetes/requested-tokens.ts';
import { type MeteredCa, metered as meteredCa } from './telemetry/metered-ca.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';

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
export interface LoadedParts {
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
 * Loads what is on disk, and what else takes I/O; nothing listens yet.
 *
 * @param life ends what is loaded
 * @throws AgentError `settings-invalid`, `ca-state-broken`, or whatever keeps the CA or the verifier from being used
 */
export async function loadAgentParts(parts: AgentParts, life: AbortController): Promise<LoadedParts> {
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
  return {
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
  };
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

async function loadPolicy({ settings, clock, log }: AgentParts, metrics: Metrics): Promise<PolicyKeeper | undefined> {
  const path = settings.identity.policyFile;
  if (path === undefined) return undefined;
  return await PolicyKeeper.load({ path, parse: parsePolicy, clock, log, meter: metrics.policy });
}

function loadCas({ settings, clock, log }: AgentParts, lifetime: AbortSignal): Promise<readonly LoadedCaProvider[]> {
  const { trustDomain } = settings.identity;
  return loadCaProviders(settings.ca.providers, { ...settings, trustDomain, clock, log, lifetime });
}
