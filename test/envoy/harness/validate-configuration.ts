import { runToEnd } from '../../../demo/processes/run-to-end.ts';
import { envoyBinary } from './envoy-binary.ts';

/** What Envoy thinks of a configuration that it does not run. */
export interface Verdict {
  readonly accepted: boolean;
  /** Its log, for the message of a failed test. */
  readonly said: string;
}

/**
 * Runs `envoy --mode validate`. Judged by the line that it prints, not by the exit status: Envoy 1.40 crashes while it
 * ends when google_grpc has been configured.
 */
export async function validateConfiguration(file: string): Promise<Verdict> {
  const { stdout, stderr } = await runToEnd(envoyBinary(), ['--mode', 'validate', '-c', file]);
  return { accepted: stdout.includes(`configuration '${file}' OK`), said: stderr };
}
