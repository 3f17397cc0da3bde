/** Where a command writes text: a stream of this process, or a list in a test. */
export interface TextOutput {
  write(text: string): unknown;
  /** Whether a person reads it: tables and colour only then. */
  readonly isTTY?: boolean;
}

/** A command's world: everything that it may touch of the process that runs it. */
export interface CommandIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The result alone, fit for a pipe. `columns` is the terminal's width. */
  readonly stdout: TextOutput & { readonly columns?: number };
  /** Word for people: progress, warnings, faults. */
  readonly stderr: TextOutput;
  /** Aborts when the process is asked to stop. */
  readonly signal: AbortSignal;
}

/**
 * One command of `bin/sds-node-agent`.
 *
 * `--help` is answered before `run` is called, see `asksForHelp`. An `AgentError` that `run` rejects with is
 * printed to stderr, and `toExitCode` gives the exit status.
 */
export interface Command {
  /** What is typed, for example `envoy-config`. */
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What `--help` prints: usage line, flags, an example. Ends with a line break. */
  readonly help: string;
  /** Does the work; `argv` is what follows the command's name. Resolves to the exit status. */
  run(argv: readonly string[], io: CommandIo): Promise<number>;
}
