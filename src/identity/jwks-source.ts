/** Where an issuer's key set is read from. */
export interface JwksSource {
  /** Path or URL, for the log. */
  readonly location: string;
  /** Reads the key set as JSON text. Rejects with an `AgentError` `token-verifier-unavailable`. */
  read(signal: AbortSignal): Promise<string>;
  /**
   * Where it is cheap to see whether the key set has changed: text that changes with it. It never rejects; what
   * cannot be read has a fingerprint too. Without this method the key set is read again after a while.
   */
  fingerprint?(): Promise<string>;
}
