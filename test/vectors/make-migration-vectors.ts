/**
 * Writes the second half of each vector in `test/vectors/migrate` anew, from what `migrate` makes of the first:
 * `node dist/test/vectors/make-migration-vectors.js` after a build. Look at every difference that it makes.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadMigrationVector, migrateFile, migrationVectorNames, writeMigrationVector } from './migration-vectors.ts';

const folder = mkdtempSync(join(tmpdir(), 'migration-'));
for (const name of migrationVectorNames()) {
  const { before, flags } = loadMigrationVector(name);
  const file = join(folder, 'before.json');
  writeFileSync(file, JSON.stringify(before));
  writeMigrationVector(name, await migrateFile(file, flags));
}
rmSync(folder, { recursive: true, force: true });
