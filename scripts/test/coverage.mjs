import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inRepository } from '../ensure/repository.mjs';
import { runCommand } from '../ensure/run-command.mjs';

/**
 * Runs the tests with V8's coverage, agents that they start included, and prints lines and branches of `src/`;
 * the pages are in `coverage/`. Gives what the run gave.
 */
export async function reportCoverage(env, runTests) {
  const raw = mkdtempSync(join(tmpdir(), 'coverage-'));
  try {
    const outcome = await runTests({ ...env, NODE_V8_COVERAGE: raw });
    const c8 = inRepository('node_modules', 'c8', 'bin', 'c8.js');
    const scope = ['--src', 'src', '--all', '--include', 'src/**', '--exclude', 'src/gen/**'];
    const output = ['--reporter', 'text', '--reporter', 'html', '--reports-dir', 'coverage'];
    await runCommand(process.execPath, [c8, 'report', '--temp-directory', raw, ...scope, ...output]);
    return outcome;
  } finally {
    rmSync(raw, { recursive: true, force: true });
  }
}
