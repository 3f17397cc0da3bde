/** Connections to open, each with a stream for each name. */
export interface Opening {
  /** What the report calls these streams. */
  readonly group: string;
  readonly socketPath: string;
  readonly connections: number;
  /** Each connection presents the next one, round and round. */
  readonly tokens: readonly string[];
  readonly resourceNames: readonly string[];
  /** How many connections may be waiting for their first secrets at a time. */
  readonly atOnce: number;
}

/** What the load process is told; it answers each order before it hears the next. */
export type LoadOrder =
  | ({ readonly order: 'open' } & Opening)
  /** From now on messages are counted and timed, and not acknowledged until `report`, so that only reading takes time. */
  | { readonly order: 'watch' }
  | { readonly order: 'report' }
  | { readonly order: 'close' };

/** Every stream of this opening has been served and has acknowledged. */
export interface Opened {
  readonly elapsedMs: number;
  /** The size of a response, for each name in order. */
  readonly responseBytes: readonly number[];
}

/** What arrived at the streams of one group and name since `watch`. */
export interface Pushes {
  readonly group: string;
  readonly resourceName: string;
  readonly streams: number;
  /** How many streams got none, one, two, … */
  readonly streamsByCount: readonly number[];
  /** From the first arrival to the last, over all these streams; 0 for fewer than two. */
  readonly spreadMs: number;
}

export type LoadAnswer =
  | ({ readonly answer: 'opened' } & Opened)
  | { readonly answer: 'watching' }
  | { readonly answer: 'report'; readonly pushes: readonly Pushes[] }
  | { readonly answer: 'closed' };
