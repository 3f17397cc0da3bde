import { readFileSync } from 'node:fs';
import { step } from './progress.mjs';
import { inRepository, REPOSITORY } from './repository.mjs';
import { runCommand } from './run-command.mjs';

/** Installs exactly what the lockfile says, unless it is installed. */
export async function ensurePackages() {
  if (!areStale()) return;
  await step('installing packages (npm ci)', () =>
    runCommand('npm', ['ci', '--no-audit', '--no-fund'], { cwd: REPOSITORY }),
  );
}

/** Compares the lockfile with npm's own record of what it installed, package by package. */
function areStale() {
  const wanted = readPackages(inRepository('package-lock.json'));
  const installed = readPackages(inRepository('node_modules', '.package-lock.json'));
  if (wanted === undefined) throw new Error('package-lock.json is missing or broken');
  if (installed === undefined) return true;
  // Optional ones are builds for other platforms, which npm leaves out.
  return Object.entries(wanted).some(
    ([path, entry]) => path !== '' && !entry.optional && installed[path]?.integrity !== entry.integrity,
  );
}

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages;
  } catch {
    return undefined;
  }
}
