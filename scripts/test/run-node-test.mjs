import { spawn } from 'node:child_process';

/** A line of the block that closes node:test's output, in both of its formats. */
const CLOSING_LINE = /^(#|ℹ) (tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) .*\n/gm;

/** Runs node's test runner on compiled test files, passing its output on. Gives its status and its closing lines. */
export function runNodeTest(options, files, env) {
  const chosen = options.some((option) => option.startsWith('--test-reporter'));
  const reporter = chosen ? [] : [`--test-reporter=${process.stdout.isTTY ? 'spec' : 'tap'}`];
  const args = ['--enable-source-maps', '--test', ...reporter, ...options, ...files];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env });

  let tail = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    process.stdout.write(text);
    tail = (tail + text).slice(-4096);
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ status: code ?? 1, closingLines: (tail.match(CLOSING_LINE) ?? []).slice(-8).join('') });
    });
  });
}
