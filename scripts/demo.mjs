import { shout } from './ensure/progress.mjs';
import { inRepository } from './ensure/repository.mjs';
import { ensureReady } from './ensure.mjs';

/** `npm run demo [-- --for 40s --ttl 12s --keep DIR]`: makes the checkout ready and starts `demo/demo.ts`. */
try {
  const envoy = await ensureReady();
  const { runDemo } = await import(inRepository('dist', 'demo', 'run-demo.js'));
  process.exitCode = await runDemo(process.argv.slice(2), envoy);
} catch (error) {
  shout([error.message]);
  process.exitCode = 1;
}
