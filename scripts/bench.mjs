import { shout } from './ensure/progress.mjs';
import { inRepository, REPOSITORY } from './ensure/repository.mjs';
import { ensureBuilt } from './ensure.mjs';

/** `npm run bench [-- flags]`: makes the checkout ready and measures the agent against its targets. */
try {
  await ensureBuilt();
  const { runBench } = await import(inRepository('dist', 'bench', 'run-bench.js'));
  process.exitCode = await runBench(process.argv.slice(2), REPOSITORY);
} catch (error) {
  shout([error.message]);
  // At once: what the failed measurement still waits for does not matter any more.
  process.exit(1);
}
