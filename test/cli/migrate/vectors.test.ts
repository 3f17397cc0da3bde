import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { EnvoyObject } from '../../../src/cli/envoy-bootstrap/document.ts';
import { toYaml } from '../../../src/cli/envoy-bootstrap/to-yaml.ts';
import { WITHOUT_ENVOY } from '../../envoy/harness/envoy-binary.ts';
import { type Verdict, validateConfiguration } from '../../envoy/harness/validate-configuration.ts';
import { createLoopbackCertificate } from '../../identity/loopback-certificate.ts';
import {
  loadMigrationVector,
  migrateFile,
  migrationVectorNames,
  withoutSource,
} from '../../vectors/migration-vectors.ts';

const folder = mkdtempSync(join(tmpdir(), 'migrate-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** What `migrate` makes of a value that is written to a file. */
async function migrated(configuration: object, flags: readonly string[] = []) {
  const file = join(folder, 'before.json');
  writeFileSync(file, JSON.stringify(configuration));
  return migrateFile(file, flags);
}

describe('migrate', () => {
  for (const name of migrationVectorNames()) {
    const vector = loadMigrationVector(name);

    it(`gives what test/vectors/migrate/${name}.yaml says`, async () => {
      const { configuration, not_carried_over, changed } = withoutSource(await migrated(vector.before, vector.flags));
      assert.deepEqual(configuration, vector.after);
      assert.deepEqual(not_carried_over, vector.not_carried_over);
      assert.deepEqual(changed, vector.changed);
    });

    it(`changes nothing more in its own output: ${name}`, async () => {
      const once = await migrated(vector.before, vector.flags);
      const twice = await migrated(once.configuration, vector.flags);
      assert.deepEqual(twice.configuration, once.configuration);
    });
  }
});

describe('migrate with a real Envoy', { skip: WITHOUT_ENVOY }, () => {
  const token = join(folder, 'token');
  before(async () => {
    const { cert, key } = await createLoopbackCertificate();
    writeFileSync(token, 'header.payload.signature');
    writeFileSync(join(folder, 'chain.pem'), cert);
    writeFileSync(join(folder, 'key.pem'), key);
    writeFileSync(join(folder, 'roots.pem'), cert);
  });

  async function validate(bootstrap: EnvoyObject): Promise<Verdict> {
    const file = join(folder, 'after.yaml');
    writeFileSync(file, toYaml(bootstrap));
    return validateConfiguration(file);
  }

  for (const name of migrationVectorNames()) {
    it(`gives a configuration that Envoy accepts: ${name}`, async () => {
      const { before: old, flags } = loadMigrationVector(name);
      const local = JSON.parse(JSON.stringify(old).replaceAll('FOLDER', folder));
      const { configuration } = await migrated(local, ['--token-file', token, ...flags]);
      const { accepted, said } = await validate(toBootstrap(configuration));
      assert.ok(accepted, said);
    });
  }

  it('was needed: Envoy refuses the v2 configuration, so that the tests above can fail', async () => {
    const { accepted } = await validate(loadMigrationVector('v2-files-mutual-tls').before);
    assert.ok(!accepted);
  });
});

/** Dynamic resources as static ones, and a node for those that ask a management server. */
function toBootstrap(configuration: EnvoyObject): EnvoyObject {
  const { resources, ...bootstrap } = configuration;
  const node = { id: 'test', cluster: 'test' };
  if (!Array.isArray(resources)) return { node, ...bootstrap };
  const ofType = (type: string): EnvoyObject[] =>
    resources
      .filter((resource: EnvoyObject) => String(Object.values(resource)[0]).endsWith(`.${type}`))
      .map(({ '@type': _, ...fields }: EnvoyObject) => fields);
  return { node, static_resources: { clusters: ofType('Cluster'), listeners: ofType('Listener') } };
}
