import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { configurationPage } from './docs/configuration-page.mjs';
import { errorsPage } from './docs/errors-page.mjs';
import { metricsPage } from './docs/metrics-page.mjs';
import { operationsPage } from './docs/operations-page.mjs';
import { policySchemaPage } from './docs/policy-schema-page.mjs';
import { readIfThere, settleGenerated } from './settle-generated.mjs';

/**
 * Writes the pages of docs/ that are made from the code, out of a build of it.
 *
 *     node scripts/generate-docs.mjs [--check] [--dist DIR]
 *
 * With `--check` nothing is written, and a page that is out of date makes it fail. `make` is given a function that
 * imports a module of the build by its path under `src/`, and the page as it is, undefined where there is none.
 */
const PAGES = [
  { file: 'docs/configuration.md', make: configurationPage },
  { file: 'docs/metrics.md', make: metricsPage },
  { file: 'docs/errors.md', make: errorsPage },
  { file: 'docs/operations.md', make: operationsPage },
  { file: 'docs/policy.schema.json', make: policySchemaPage },
];

const { values } = parseArgs({ options: { check: { type: 'boolean' }, dist: { type: 'string', default: 'dist' } } });
const root = join(import.meta.dirname, '..');
const build = resolve(root, values.dist);
const load = (path) => import(pathToFileURL(join(build, 'src', path)).href);

for (const { file, make } of PAGES) {
  const path = join(root, file);
  const text = await make(load, readIfThere(path));
  settleGenerated({ file, path, text, maker: 'scripts/generate-docs.mjs', check: values.check });
}
