import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { step } from './progress.mjs';
import { inRepository, REPOSITORY } from './repository.mjs';
import { runCommand } from './run-command.mjs';

/** Compiles to `dist/`. The compiler knows what is stale, and needs a quarter of a second when nothing is. */
export async function ensureBuild() {
  const compile = () => runCommand(process.execPath, [tsc, '-p', 'tsconfig.json'], { cwd: REPOSITORY });
  const tsc = inRepository('node_modules', 'typescript', 'bin', 'tsc');
  if (existsSync(inRepository('dist', '.tsbuildinfo'))) await compile();
  else await step('compiling (tsc)', compile);
  removeOrphans();
}

/** Deletes what was compiled from sources that are gone, so that no deleted test runs for ever. */
function removeOrphans() {
  const dist = inRepository('dist');
  for (const path of readdirSync(dist, { recursive: true })) {
    const source = path.replace(/\.(js|js\.map|d\.ts)$/, '.ts');
    if (source !== path && !existsSync(inRepository(source))) rmSync(join(dist, path));
  }
}
