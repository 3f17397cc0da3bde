import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { cwd } from 'node:process';
import { pathToFileURL } from 'node:url';
import { UnusableModule } from './load-plug-in.ts';

/**
 * The URL of what `CUSTOM_CA_MODULE` names: a file, relative to the working directory, or a package beside this one
 * or below the working directory.
 *
 * @throws UnusableModule where there is neither
 */
export function resolveModule(named: string): string {
  const path = resolve(named);
  if (existsSync(path)) return pathToFileURL(path).href;
  if (/^[./]/.test(named)) throw new UnusableModule(`there is no file ${path}`);
  for (const find of [import.meta.resolve, createRequire(join(cwd(), 'package.json')).resolve]) {
    try {
      const found = find(named);
      return found.startsWith('file:') ? found : pathToFileURL(found).href;
    } catch {
      // Perhaps in the other place.
    }
  }
  throw new UnusableModule(`there is no file ${path}, and no package of this name beside the agent or in ${cwd()}`);
}
