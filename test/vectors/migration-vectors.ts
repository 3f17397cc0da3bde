import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import type { EnvoyObject } from '../../src/cli/envoy-bootstrap/document.ts';
import type { JsonReport } from '../../src/cli/migrate/report.ts';
import { migrate } from '../../src/cli/migrate.ts';
import { RecordingIo } from '../cli/recording-io.ts';

/** A configuration before and after `migrate`, and what is said about it. */
export interface MigrationVector {
  /** Why it is there. */
  readonly about: string;
  /** Flags of `migrate`. */
  readonly flags: readonly string[];
  readonly before: EnvoyObject;
  /** `sds_config: AGENT` stands for the agent as a source of secrets, which `envoy-config` has tests for. */
  readonly after: EnvoyObject;
  readonly not_carried_over: JsonReport['not_carried_over'];
  readonly changed: JsonReport['changed'];
}

/** Tests run in the repository's root. */
export const DIRECTORY = join(process.cwd(), 'test/vectors/migrate');

/** The names of the committed vectors. */
export function migrationVectorNames(): string[] {
  return readdirSync(DIRECTORY).map((file) => file.replace(/\.yaml$/, ''));
}

/** A vector by its name. */
export function loadMigrationVector(name: string): MigrationVector {
  return { flags: [], ...parse(readFileSync(fileOf(name), 'utf8')) };
}

/** Writes what comes out now below what goes in. Each difference has to be looked at. */
export function writeMigrationVector(name: string, report: JsonReport): void {
  const [before = ''] = readFileSync(fileOf(name), 'utf8').split(/^after:$/m);
  const { configuration: after, not_carried_over, changed } = withoutSource(report);
  const text = stringify({ after, not_carried_over, changed }, { aliasDuplicateObjects: false, lineWidth: 0 });
  writeFileSync(fileOf(name), before + text);
}

/** What `migrate --json` makes of the file. */
export async function migrateFile(file: string, flags: readonly string[] = []): Promise<JsonReport> {
  const io = new RecordingIo();
  const status = await migrate.run([file, '--json', ...flags], io);
  if (status !== 0) throw new Error(`migrate ended with ${status}: ${io.err}`);
  return JSON.parse(io.out);
}

/** The report with `AGENT` for the agent's source of secrets. */
export function withoutSource(report: JsonReport): JsonReport {
  const isAgent = (value: unknown): boolean => JSON.stringify(value ?? '').includes('"initial_fetch_timeout":"0s"');
  const text = JSON.stringify(report, (key, value: unknown) =>
    key === 'sds_config' && isAgent(value) ? 'AGENT' : value,
  );
  return JSON.parse(text);
}

function fileOf(name: string): string {
  return join(DIRECTORY, `${name}.yaml`);
}
