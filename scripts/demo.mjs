import { envoy } from './ensure/envoy.mjs';
import { exclusively } from './ensure/exclusively.mjs';
import { openBao } from './ensure/openbao.mjs';
import { shout } from './ensure/progress.mjs';
import { inRepository } from './ensure/repository.mjs';
import { ensureBuilt } from './ensure.mjs';

const BINARIES = { envoy, openbao: openBao };

/** `npm run demo [-- --for 40s --ttl 12s --ca NAME --keep DIR]`: makes the checkout ready and runs the demo. */
try {
  await ensureBuilt();
  const { runDemo } = await import(inRepository('dist', 'demo', 'run-demo.js'));
  process.exitCode = await runDemo(process.argv.slice(2), (name) => exclusively(BINARIES[name].ensure));
} catch (error) {
  shout([error.message]);
  process.exitCode = 1;
}
