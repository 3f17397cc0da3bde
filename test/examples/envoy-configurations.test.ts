import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { AGENT_LAUNCHER } from '../../demo/processes/agent-process.ts';
import { runToEnd } from '../../demo/processes/run-to-end.ts';
import { WITHOUT_ENVOY } from '../envoy/harness/envoy-binary.ts';
import { validateConfiguration } from '../envoy/harness/validate-configuration.ts';

const EXAMPLES = join(import.meta.dirname, '../../../examples');

const folder = mkdtempSync(join(tmpdir(), 'examples-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs an example's script, which calls `sds-node-agent`, with another directory for what it writes. */
async function runScript(script: string): Promise<string> {
  const bin = mkdtempSync(join(folder, 'bin-'));
  const out = mkdtempSync(join(folder, 'out-'));
  symlinkSync(AGENT_LAUNCHER, join(bin, 'sds-node-agent'));
  const { PATH = '' } = process.env;
  const env = { PATH: `${bin}:${PATH}` };
  const { status, stderr } = await runToEnd('/bin/sh', [join(EXAMPLES, script), out], env);
  assert.equal(status, 0, stderr);
  return out;
}

function filesOf(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' });
}

describe('examples/migration', () => {
  it('is what `migrate` makes of the old configurations beside it', async () => {
    const out = await runScript('migration/migrate.sh');
    const made = filesOf(out).filter((file) => /\.(?:yaml|txt)$/.test(file));
    assert.ok(made.length >= 6);
    for (const file of made) {
      assert.equal(
        readFileSync(join(out, file), 'utf8'),
        readFileSync(join(EXAMPLES, 'migration', file), 'utf8'),
        file,
      );
    }
  });
});

describe('examples/sidecar', () => {
  it('is what `envoy-config` prints', async () => {
    const out = await runScript('sidecar/make.sh');
    const kept = filesOf(join(EXAMPLES, 'sidecar')).filter((file) => file.endsWith('.yaml'));
    assert.deepEqual(filesOf(out).sort(), kept.sort());
    for (const file of kept) {
      assert.equal(readFileSync(join(out, file), 'utf8'), readFileSync(join(EXAMPLES, 'sidecar', file), 'utf8'), file);
    }
  });
});

describe('examples with a real Envoy', { skip: WITHOUT_ENVOY }, () => {
  const bootstraps = ['migration', 'sidecar', 'control-plane', 'gateway'].flatMap((directory) =>
    filesOf(join(EXAMPLES, directory))
      .filter((file) => file.endsWith('.yaml') && !file.endsWith('token-secret.yaml'))
      .map((file) => join(directory, file)),
  );

  it('are there', () => assert.ok(bootstraps.length >= 10, bootstraps.join(', ')));

  for (const bootstrap of bootstraps) {
    it(`are accepted: ${bootstrap}`, async () => {
      // The pod's token, and the secret file that points to it, somewhere that exists here.
      const pod = mkdtempSync(join(folder, 'pod-'));
      const inPod = (text: string): string =>
        text.replaceAll('/var/run/secrets/tokens', pod).replaceAll('/etc/envoy', pod);
      writeFileSync(join(pod, 'istio-token'), 'header.payload.signature');
      const tokenSecret = readFileSync(join(EXAMPLES, 'sidecar/token-secret.yaml'), 'utf8');
      writeFileSync(join(pod, 'token-secret.yaml'), inPod(tokenSecret));
      const file = join(pod, 'envoy.yaml');
      writeFileSync(file, inPod(readFileSync(join(EXAMPLES, bootstrap), 'utf8')));
      const { accepted, said } = await validateConfiguration(file);
      assert.ok(accepted, said);
    });
  }
});
