import type { Caller } from '../core/caller.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { SdsMeter } from '../core/meters.ts';
import type { ResourceNames } from '../core/resource-name.ts';
import type { Authenticator } from '../core/rpc.ts';
import type { SecretStore } from '../core/secret-store.ts';
import type { IdentityLimits } from './identity-limits.ts';
import type { RefusalLog } from './refusal-log.ts';
import type { RejectionLog } from './rejection-log.ts';

/** What every stream and call of the secret services needs. */
export interface SdsContext {
  readonly store: SecretStore;
  readonly authenticator: Authenticator<Caller>;
  readonly names: ResourceNames;
  readonly clock: Clock;
  readonly log: Log;
  readonly refusals: RefusalLog;
  readonly rejections: RejectionLog;
  readonly meter: SdsMeter;
  readonly limits: IdentityLimits;
}

/** Which service a call came in on. */
export interface SdsService {
  readonly api: 'v2' | 'v3';
  /** On the aggregated service the type must be named. */
  readonly aggregated: boolean;
}
