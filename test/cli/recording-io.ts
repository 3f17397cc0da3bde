import type { CommandIo } from '../../src/cli/command.ts';

/** A command's world whose output is kept. */
export class RecordingIo implements CommandIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  out = '';
  err = '';
  readonly stdout = {
    write: (text: string) => {
      this.out += text;
    },
  };
  readonly stderr = {
    write: (text: string) => {
      this.err += text;
    },
  };

  constructor(env: Readonly<Record<string, string>> = {}, signal: AbortSignal = AbortSignal.timeout(30_000)) {
    this.env = env;
    this.signal = signal;
  }
}
