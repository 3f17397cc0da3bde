import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { envoy } from './ensure/envoy.mjs';
import { exclusively } from './ensure/exclusively.mjs';
import { hadolint } from './ensure/hadolint.mjs';
import { helm } from './ensure/helm.mjs';
import { kubectl } from './ensure/kubectl.mjs';
import { kubernetesSchemas } from './ensure/kubernetes-schemas.mjs';
import { openBao } from './ensure/openbao.mjs';
import { shout } from './ensure/progress.mjs';
import { pySpiffe } from './ensure/py-spiffe.mjs';
import { inRepository, REPOSITORY } from './ensure/repository.mjs';
import { ensureBuilt } from './ensure.mjs';
import { reportCoverage } from './test/coverage.mjs';
import { runNodeTest } from './test/run-node-test.mjs';

/** Options of `node --test` that would take the first test file for their value. */
const TAKES_VALUE = /^--test-(name-pattern|skip-pattern|concurrency|timeout|reporter|reporter-destination|shard)$/;

/**
 * `npm test [-- [--coverage] [part of a path]… [option of node --test]…]`: makes the checkout ready and runs the
 * tests. The last lines on stdout are node:test's own count.
 */
async function main(argv) {
  const options = argv.filter((arg) => arg.startsWith('-') && arg !== '--coverage');
  const filters = argv.filter((arg) => !arg.startsWith('-'));
  const bare = options.find((option) => TAKES_VALUE.test(option));
  if (bare !== undefined)
    throw new Error(`write ${bare}=VALUE: a value that stands alone is taken for a part of a path`);
  await ensureBuilt();
  const env = {
    ...process.env,
    ...(await binaryEnvironment(envoy, 'ENVOY_UNAVAILABLE')),
    ...(await binaryEnvironment(openBao, 'OPENBAO_UNAVAILABLE')),
    ...(await binaryEnvironment(helm, 'HELM_UNAVAILABLE')),
    ...(await binaryEnvironment(kubectl, 'KUBECTL_UNAVAILABLE')),
    ...(await binaryEnvironment(kubernetesSchemas, 'KUBERNETES_SCHEMAS_UNAVAILABLE')),
    ...(await binaryEnvironment(hadolint, 'HADOLINT_UNAVAILABLE')),
    ...(await binaryEnvironment(pySpiffe, 'PY_SPIFFE_UNAVAILABLE')),
  };

  const files = testFiles().filter((file) => filters.length === 0 || filters.some((part) => file.includes(part)));
  if (files.length === 0) throw new Error(`no test file matches ${filters.join(' ')}`);

  if (!argv.includes('--coverage')) return (await runNodeTest(options, files, env)).status;
  const { status, closingLines } = await reportCoverage(env, (covered) => runNodeTest(options, files, covered));
  process.stdout.write(closingLines);
  return status;
}

/** What tells the tests where a thing is, or that it could not be had. In CI the tests then fail by themselves. */
async function binaryEnvironment({ name, variable, ensure }, unavailable) {
  try {
    return { [variable]: await exclusively(ensure) };
  } catch ({ message }) {
    shout([`The tests with a real ${name} DO NOT RUN: ${name} could not be had.`, message, `Set ${variable} to one.`]);
    return process.env.CI === 'true' ? {} : { [unavailable]: message };
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
