import type { Usage } from '../processes/process-usage.ts';

/** A server in a process of its own that the load client can talk to. Disposing ends it. */
export interface MeasuredServer extends AsyncDisposable {
  readonly socketPath: string;
  /** What its process has used up to now. */
  usage(): Usage;
}
