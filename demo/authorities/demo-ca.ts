/** What the demo can take its certificates from, by the name that `--ca` takes. */
export const DEMO_CA_NAMES = ['embedded', 'citadel', 'vault'] as const;

export type DemoCaName = (typeof DEMO_CA_NAMES)[number];

/** A certificate authority beside the agent. */
export interface DemoCa extends AsyncDisposable {
  /** What it is, for people. */
  readonly summary: string;
  /** Starts it; resolves, once it signs, to the agent's settings that lead to it. */
  start(): Promise<Readonly<Record<string, string>>>;
}
