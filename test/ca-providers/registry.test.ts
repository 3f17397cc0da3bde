import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadCaProvider } from '../../src/ca-providers/registry.ts';
import { loadSettings } from '../../src/config/load-settings.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { RecordingLog } from '../fakes/recording-log.ts';

const settings = { ...loadSettings({}), trustDomain: 'cluster.local', clock: new FakeClock(), log: new RecordingLog() };

test('Embedded is loaded with a root that can be rotated', async (t) => {
  const base = await mkdtemp(join(tmpdir(), 'registry-'));
  t.after(() => rm(base, { recursive: true }));
  const { provider, rotatableRoot } = await loadCaProvider('Embedded', {
    ...settings,
    stateDir: join(base, 'ca'),
  });
  assert.equal(provider.name, 'Embedded');
  assert.equal(rotatableRoot?.rootStage, 'single');
});

test('Citadel is loaded without a root that could be rotated from here', async () => {
  const ca = { ...settings.ca, address: 'localhost:15012' };
  const { provider, rotatableRoot } = await loadCaProvider('Citadel', { ...settings, ca });
  assert.equal(provider.name, 'Citadel');
  assert.equal(rotatableRoot, undefined);
});

test('an unknown name lists the known ones', async () => {
  await assert.rejects(loadCaProvider('embedded', settings), {
    code: 'settings-invalid',
    message: 'CA_PROVIDER is "embedded": it must be one of Embedded, Citadel, VaultCA, Custom',
  });
});
