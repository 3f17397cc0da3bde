/** What a client process is to do. */
export interface IssuanceOrder {
  /**
   * Certificates through the agent's cache and its Citadel provider; the same without an agent around it; or bare calls,
   * a key and a signature before each.
   */
  readonly work: 'certificates' | 'bare' | 'echoes';
  /** The server's, `host:port`. */
  readonly address: string;
  /** PEM file that verifies the server. */
  readonly rootFile: string;
  /** The size of a request; certificates have theirs by themselves. */
  readonly requestBytes: number;
  /** How often before anything is counted: for the compiler. */
  readonly warmUp: number;
  /** How often, one after the other. */
  readonly times: number;
}

/** One piece of work: for the workload of this number, which nobody has worked for yet. */
export type Work = (index: number) => Promise<void>;

/** What a client process has measured. */
export interface IssuanceCost {
  /** CPU of the client process, the mean. */
  readonly cpuMs: number;
  /** From the wish to its fulfilment, the median. */
  readonly elapsedMs: number;
}
