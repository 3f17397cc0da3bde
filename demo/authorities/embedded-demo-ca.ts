import type { DemoCa } from './demo-ca.ts';

/** The CA inside of the agent: there is nothing to start. */
export class EmbeddedDemoCa implements DemoCa {
  readonly summary = 'embedded CA';

  async start(): Promise<Readonly<Record<string, string>>> {
    return {};
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
