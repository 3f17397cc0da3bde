import type { Settings } from './config/settings.ts';
import type { Caller } from './core/caller.ts';
import type { Clock } from './core/clock.ts';
import type { IdentityJudge } from './core/identity-policy.ts';
import type { JwtAuthority } from './core/jwt-authority.ts';
import type { Log } from './core/log.ts';
import type { PeerAttestor } from './core/peer-attestor.ts';
import type { Authenticator } from './core/rpc.ts';
import type { SecretStore } from './core/secret-store.ts';
import { toPeerKey } from './identity/peer-key.ts';
import { permitted } from './identity/permitted.ts';
import { UidAuthenticator } from './identity/uid-authenticator.ts';
import { RefusalLog } from './sds/refusal-log.ts';
import type { Metrics } from './telemetry/metrics.ts';
import { SocketListener } from './transport/socket-listener.ts';
import type { TransportLimits } from './transport/transport-limits.ts';
import { JwtBundles } from './workload-api/jwt-bundles.ts';
import { workloadApiMethods } from './workload-api/workload-api-methods.ts';

/** The largest request holds sixteen audiences of 2 KiB. */
const LIMITS: Partial<TransportLimits> = { maxMessageBytes: 64 * 1024, maxUnfinishedBytes: 16 * 1024 * 1024 };

/** What the agent gives to its endpoint. */
export interface WorkloadEndpointParts {
  readonly settings: Settings['workloadApi'];
  /** Who knows callers by their pod; undefined: they are known by WORKLOAD_API_UIDS. */
  readonly authenticator: Authenticator<Caller> | undefined;
  readonly attestor: PeerAttestor | undefined;
  readonly store: SecretStore;
  /** Undefined where the CA makes no JWT-SVIDs. */
  readonly jwtAuthority: JwtAuthority | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Says who may be served. */
  readonly judge: IdentityJudge;
  /** What one peer may take of the socket. */
  readonly peerLimits: Partial<TransportLimits>;
}

/** Puts the SPIFFE Workload API together; undefined where it is off. Nothing listens yet. */
export function createWorkloadEndpoint(parts: WorkloadEndpointParts): WorkloadEndpoint | undefined {
  const { socketPath, identityOfUid } = parts.settings;
  if (socketPath === undefined) return undefined;
  const authenticator = permitted(parts.authenticator ?? new UidAuthenticator(identityOfUid), parts.judge);
  return new WorkloadEndpoint(socketPath, authenticator, parts);
}

/** The SPIFFE Workload API on its own socket. */
export class WorkloadEndpoint {
  readonly #listener: SocketListener;
  readonly #bundles: JwtBundles | undefined;
  readonly #log: Log;
  readonly #socket: string;

  constructor(socketPath: string, authenticator: Authenticator<Caller>, parts: WorkloadEndpointParts) {
    const { settings, store, jwtAuthority, attestor, clock, log, metrics, peerLimits } = parts;
    const { socketMode, socketGid, jwtTtlMs } = settings;
    const refusals = new RefusalLog(log, clock);
    this.#bundles = jwtAuthority && new JwtBundles(jwtAuthority);
    this.#listener = new SocketListener({
      path: socketPath,
      mode: socketMode,
      gid: socketGid,
      methods: workloadApiMethods({
        store,
        authenticator,
        jwt: jwtAuthority && this.#bundles && { authority: jwtAuthority, bundles: this.#bundles, ttlMs: jwtTtlMs },
        clock,
        meter: metrics.workloadApi,
        onRefused: (call, error) => refusals.refused(call, error),
      }),
      routes: new Map(),
      limits: { ...LIMITS, ...peerLimits },
      peerKey: toPeerKey,
      attestor,
      log,
      meter: metrics.workloadApiTransport,
      clock,
    });
    this.#log = log;
    this.#socket = socketPath;
  }

  /** Rejects with `socket-unusable` where `listen` would. */
  requireFree(): Promise<void> {
    return this.#listener.requireFree();
  }

  /** Follows the keys of JWT-SVIDs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#bundles?.run(signal);
  }

  /** Rejects with `socket-unusable`. */
  async listen(): Promise<void> {
    await this.#listener.listen();
    this.#log.info('the SPIFFE Workload API listens', { socket: this.#socket, jwt: this.#bundles !== undefined });
  }

  /** Ends streams with UNAVAILABLE; then the socket goes. */
  drain(graceMs: number): Promise<void> {
    return this.#listener.drain(graceMs);
  }
}
