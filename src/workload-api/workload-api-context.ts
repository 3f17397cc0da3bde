import type { AgentError } from '../core/agent-error.ts';
import type { Caller } from '../core/caller.ts';
import type { Clock } from '../core/clock.ts';
import type { JwtAuthority } from '../core/jwt-authority.ts';
import type { WorkloadApiMeter } from '../core/meters.ts';
import type { Authenticator, Call } from '../core/rpc.ts';
import type { SecretStore } from '../core/secret-store.ts';
import type { JwtBundles } from './jwt-bundles.ts';

/** Where JWT-SVIDs come from. */
export interface JwtContext {
  readonly authority: JwtAuthority;
  readonly bundles: JwtBundles;
  /** The lifetime of a JWT-SVID, in milliseconds. */
  readonly ttlMs: number;
}

/** What every call of the Workload API needs. */
export interface WorkloadApiContext {
  readonly store: SecretStore;
  /** Knows callers by what the kernel says of them: no caller has to show anything. */
  readonly authenticator: Authenticator<Caller>;
  /** Undefined where the CA makes no JWT-SVIDs. */
  readonly jwt: JwtContext | undefined;
  readonly clock: Clock;
  readonly meter: WorkloadApiMeter;
  /** Is told of each call that ends with an error of its caller. */
  readonly onRefused: (call: Call, error: AgentError) => void;
}
