import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { shout } from './ensure/progress.mjs';
import { inRepository, REPOSITORY } from './ensure/repository.mjs';
import { ensureBuilt, ensureReady } from './ensure.mjs';
import { reportCoverage } from './test/coverage.mjs';
import { runNodeTest } from './test/run-node-test.mjs';

/**
 * `npm test [-- [--coverage] [part of a path]… [option of node --test]…]`: makes the checkout ready and runs the
 * tests. The last lines on stdout are node:test's own count.
 */
async function main(argv) {
  const options = argv.filter((arg) => arg.startsWith('-') && arg !== '--coverage');
  const filters = argv.filter((arg) => !arg.startsWith('-'));
  const env = { ...process.env, ...(await envoyEnvironment()) };

  const files = testFiles().filter((file) => filters.length === 0 || filters.some((part) => file.includes(part)));
  if (files.length === 0) throw new Error(`no test file matches ${filters.join(' ')}`);

  if (!argv.includes('--coverage')) return (await runNodeTest(options, files, env)).status;
  const { status, closingLines } = await reportCoverage(env, (covered) => runNodeTest(options, files, covered));
  process.stdout.write(closingLines);
  return status;
}

/** What tells the tests where Envoy is, or that it could not be had. In CI the tests then fail by themselves. */
async function envoyEnvironment() {
  await ensureBuilt();
  try {
    return { ENVOY_BIN: await ensureReady() };
  } catch (error) {
    const { message } = error;
    shout(['The tests with a real Envoy DO NOT RUN: Envoy could not be had.', message, 'Set ENVOY_BIN to one.']);
    return process.env.CI === 'true' ? {} : { ENVOY_UNAVAILABLE: message };
  }
}

function testFiles() {
  const compiled = join('dist', 'test');
  return readdirSync(inRepository(compiled), { recursive: true })
    .filter((path) => path.endsWith('.test.js'))
    .map((path) => join(compiled, path))
    .sort();
}

process.chdir(REPOSITORY);
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  shout([error.message]);
  process.exitCode = 1;
}
