/**
 * A CA whose root the agent itself can replace, in three steps that are each kept across a restart.
 * The order is what makes it safe: everybody trusts the new root before anybody presents it, and nobody
 * presents the old one when it stops being trusted.
 */
export interface RotatableRoot {
  /** `single`: one root. `staged`: two roots trusted, the old one signs. `switched`: two trusted, the new one signs. */
  readonly rootStage: RootStage;
  /** Makes a new root: `roots` gives both from now on. From `single` only. */
  stageRoot(signal: AbortSignal): Promise<void>;
  /** Signs with the new root from now on. From `staged` only. */
  switchRoot(signal: AbortSignal): Promise<void>;
  /** Forgets the old root. From `switched` only. */
  retireRoot(signal: AbortSignal): Promise<void>;
}

export type RootStage = 'single' | 'staged' | 'switched';
