/** Something about a migration that its reader should know. */
export interface Finding {
  /** Where in the input, for example `static_resources.listeners[0].filter_chains[0]`. */
  readonly path: string;
  /** The field, name or value that it is about. */
  readonly what: string;
  /** What became of it, and what to do. */
  readonly why: string;
}
