import type { CaProvider } from '../../src/core/ca-provider.ts';
import type { Token } from '../../src/core/caller.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { SpiffeId } from '../../src/core/spiffe-id.ts';

/** What can be wrong with a CA, as its caller sees it. */
export type CaFault =
  /** Nobody listens at its address. */
  | 'down'
  /** It takes a request and never answers. */
  | 'hangs'
  /** It answers with something that is no answer of its protocol, or no certificate. */
  | 'garbage'
  /** It answers well, with no certificate in the answer. */
  | 'empty chain'
  /** It answers with a good certificate of another workload, for another key. */
  | "somebody else's certificate"
  /** It answers with a certificate that has expired already. */
  | 'expired certificate';

/** The hands that a test needs on what is between the provider and its CA. */
export interface CaFaults {
  /** From the next request on, the CA is like this; undefined: it is well again. */
  set(fault: CaFault | undefined): Promise<void>;
  /** How many requests the CA has taken and neither answered nor seen cancelled. */
  openRequests(): number;
}

/** A provider with its CA, new for each test of the contract. */
export interface CaUnderTest extends Partial<AsyncDisposable> {
  readonly provider: CaProvider;
  /** The time by which the CA signs. */
  readonly clock: Clock;
  /** A token with which the CA signs for this identity. Left out where the CA never looks at tokens. */
  readonly tokenFor?: (id: SpiffeId) => Promise<Token>;
  /** Tokens with which it signs for nobody. Left out where the CA never looks at tokens. */
  readonly badTokens?: () => Promise<{ readonly wrong: Token; readonly expired: Token }>;
  /** Left out for a CA inside of the process: nothing is between that could fail. */
  readonly faults?: CaFaults;
  /** Gives the CA a new root with which it signs from now on. Left out where that cannot happen. */
  readonly changeRoot?: () => Promise<void>;
  /** Everything that the provider has logged, with all fields. Left out where it logs nothing. */
  readonly logged?: () => string;
}
