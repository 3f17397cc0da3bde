import { ensureBuild } from './ensure/build.mjs';
import { envoy } from './ensure/envoy.mjs';
import { exclusively } from './ensure/exclusively.mjs';
import { ensurePackages } from './ensure/packages.mjs';
import { shout } from './ensure/progress.mjs';

/**
 * Makes a checkout ready, a bare clone too: packages and build. Does nothing that is done, says what it does.
 * May be called by several processes at once.
 */
export async function ensureBuilt() {
  await exclusively(async () => {
    await ensurePackages();
    await ensureBuild();
  });
}

/** The same and Envoy; gives the path of its binary. Rejects when Envoy cannot be had. */
export async function ensureReady() {
  await ensureBuilt();
  return exclusively(envoy.ensure);
}

if (process.argv[1] === import.meta.filename) {
  try {
    process.stdout.write(`${await ensureReady()}\n`);
  } catch (error) {
    shout([error.message]);
    process.exitCode = 1;
  }
}
