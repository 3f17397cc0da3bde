import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuild } from './ensure/build.mjs';
import { exclusively } from './ensure/exclusively.mjs';
import { ensurePackages } from './ensure/packages.mjs';
import { say, shout, step } from './ensure/progress.mjs';
import { REPOSITORY } from './ensure/repository.mjs';
import { runCommand } from './ensure/run-command.mjs';

/** `npm run check`: all that can be said about the code without running it. Every check runs, then it fails. */
const CHECKS = {
  'format, lint and import walls (biome)': () => runCommand('node_modules/.bin/biome', ['ci', '--error-on-warnings']),
  'types (tsc)': () => exclusively(ensureBuild),
  'generated protobuf code is up to date (buf)': checkGeneratedCode,
  'links and test names in the documentation': () => runCommand(process.execPath, ['scripts/check-links.mjs']),
  'generated documentation is up to date': () => runCommand(process.execPath, ['scripts/generate-docs.mjs', '--check']),
  'manifests are what the chart gives': () => runCommand(process.execPath, ['scripts/generate-deploy.mjs', '--check']),
};

/** Generates beside the checkout and compares, file by file. Needs no network: the plugin is a package. */
async function checkGeneratedCode() {
  const fresh = mkdtempSync(join(tmpdir(), 'generated-'));
  try {
    await runCommand('node_modules/.bin/buf', ['generate', '--output', fresh]);
    const wanted = readTree(join(fresh, 'src/gen'));
    const found = readTree('src/gen');
    const paths = [...new Set([...wanted.keys(), ...found.keys()])].sort();
    const stale = paths.filter((path) => wanted.get(path) !== found.get(path));
    for (const path of stale) say(`src/gen/${path} is not what proto/ gives: run \`npm run gen\``);
    if (stale.length > 0) throw new Error(`${stale.length} generated files are out of date`);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

function readTree(root) {
  const files = readdirSync(root, { recursive: true }).filter((path) => statSync(join(root, path)).isFile());
  return new Map(files.map((path) => [path, readFileSync(join(root, path), 'utf8')]));
}

process.chdir(REPOSITORY);
const faults = [];
await exclusively(ensurePackages);
for (const [title, check] of Object.entries(CHECKS)) {
  await step(title, check).catch((error) => faults.push(`${title}: ${error.message}`));
}
if (faults.length > 0) {
  shout(faults);
  process.exitCode = 1;
}
