import { execFile } from 'node:child_process';

export interface Finished {
  /** The exit status, or the signal that ended it. */
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end, without stdin; gives what it printed whether it failed or not. */
export function runToEnd(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const options = { env: { ...process.env, ...env }, timeout: 60_000, maxBuffer: 64 << 20 };
    const child = execFile(command, [...args], options, (error, stdout, stderr) => {
      const status = error === null ? 0 : (error.signal ?? error.code);
      if (typeof status === 'number' || status?.startsWith('SIG')) resolve({ status, stdout, stderr });
      else reject(error);
    });
    child.stdin?.end();
  });
}
