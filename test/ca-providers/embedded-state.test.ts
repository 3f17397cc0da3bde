import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { inspect } from 'node:util';
import type { EmbeddedProvider } from '../../src/ca-providers/embedded/embedded-provider.ts';
import { loadEmbeddedProvider } from '../../src/ca-providers/embedded/load-embedded-provider.ts';
import { AgentError } from '../../src/core/agent-error.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { RecordingLog } from '../fakes/recording-log.ts';

const clock = new FakeClock();
let base = '';
before(async () => {
  base = await mkdtemp(join(tmpdir(), 'embedded-state-'));
});
after(() => rm(base, { recursive: true }));

let directories = 0;
const newStateDir = (): string => join(base, `state-${++directories}`);

function load(stateDir: string, trustDomain = 'cluster.local'): Promise<EmbeddedProvider> {
  return loadEmbeddedProvider({ stateDir, trustDomain, clock, log: new RecordingLog() });
}

async function newState(): Promise<{ stateDir: string; file: string; text: string }> {
  const stateDir = newStateDir();
  await load(stateDir);
  const file = join(stateDir, 'ca.json');
  return { stateDir, file, text: await readFile(file, 'utf8') };
}

/** The start fails with this message, shows no key, and leaves the file as it is. */
async function assertRefused(stateDir: string, message: RegExp): Promise<void> {
  const file = join(stateDir, 'ca.json');
  const before = await readFile(file, 'utf8').catch(() => undefined);
  await assert.rejects(load(stateDir), (error) => {
    assert.ok(error instanceof AgentError);
    assert.equal(error.code, 'ca-state-broken');
    assert.match(error.message, message);
    assert.ok(error.message.includes(stateDir), error.message);
    assert.doesNotMatch(inspect(error, { depth: 10 }), /PRIVATE KEY|MIGH/);
    return true;
  });
  assert.equal(await readFile(file, 'utf8').catch(() => undefined), before);
}

test('the directory is made 0700 and holds one file, 0600', async () => {
  const { stateDir, file } = await newState();
  assert.equal((await stat(stateDir)).mode & 0o777, 0o700);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(stateDir), ['ca.json']);
});

test('every change leaves one file, 0600', async () => {
  const { stateDir, file } = await newState();
  await (await load(stateDir)).stageRoot(new AbortController().signal);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(stateDir), ['ca.json']);
});

for (const mode of [0o640, 0o604, 0o660]) {
  test(`a file with mode ${mode.toString(8)} is refused with the chmod that helps`, async () => {
    const { stateDir, file } = await newState();
    await chmod(file, mode);
    await assertRefused(stateDir, new RegExp(`mode ${mode.toString(8)}.*chmod 600 .*ca\\.json`));
  });
}

test('a directory that others may enter is refused with the chmod that helps', async () => {
  const stateDir = newStateDir();
  await mkdir(stateDir);
  await chmod(stateDir, 0o755);
  await assertRefused(stateDir, /mode 755.*chmod 700/);
  assert.deepEqual(await readdir(stateDir), []);
});

test('a state directory that is a file is refused', async () => {
  const stateDir = newStateDir();
  await writeFile(stateDir, '');
  await assertRefused(stateDir, /cannot be read: (EEXIST|ENOTDIR): look at STATE_DIR/);
});

test('the state of another trust domain is refused, naming both', async () => {
  const { stateDir } = await newState();
  await assert.rejects(load(stateDir, 'example.org'), {
    code: 'ca-state-broken',
    message: /ca\.json is of the trust domain "cluster.local", and TRUST_DOMAIN is "example.org": set TRUST_DOMAIN/,
  });
});

test('a file cut off at any place is refused and stays as it is', async () => {
  const { stateDir, file, text } = await newState();
  for (const share of [0, 0.1, 0.35, 0.6, 0.85, 0.999]) {
    await writeFile(file, text.slice(0, Math.floor(share * (text.length - 2))));
    await assertRefused(stateDir, /ca\.json is broken: it is not JSON: restore it from a backup, or move it away/);
  }
});

describe('a state that is JSON is refused', () => {
  interface SignerJson {
    certificate: string;
    key?: string | undefined;
  }
  interface StateJson {
    signing: { root: SignerJson; intermediate: SignerJson };
  }
  const table: { fault: string; change: (state: StateJson, other: StateJson) => unknown; message: RegExp }[] = [
    { fault: 'of another form', change: () => [1], message: /its format is not 1/ },
    { fault: 'that is null', change: () => null, message: /the file is not an object/ },
    { fault: 'of a later format', change: (state) => ({ ...state, format: 2 }), message: /its format is not 1/ },
    {
      fault: 'with an unknown stage',
      change: (state) => ({ ...state, stage: 'half' }),
      message: /its stage is "half"/,
    },
    {
      fault: 'staged without the next root',
      change: (state) => ({ ...state, stage: 'staged' }),
      message: /next of the file is not an object/,
    },
    {
      fault: 'without a key',
      change: (state) => {
        state.signing.root.key = undefined;
        return state;
      },
      message: /in root of signing of the file key is missing/,
    },
    {
      fault: 'with a broken key',
      change: (state) => {
        state.signing.root.key = state.signing.root.key?.replace('MIGH', 'MIGG');
        return state;
      },
      message: /the private key cannot be read/,
    },
    {
      fault: 'with a broken certificate',
      change: (state) => {
        state.signing.intermediate.certificate = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
        return state;
      },
      message: /in intermediate of signing of the file certificate is broken/,
    },
    {
      fault: 'whose key belongs to another certificate',
      change: (state, other) => {
        state.signing.root.key = other.signing.root.key;
        return state;
      },
      message: /the key does not belong to the certificate/,
    },
    {
      fault: 'whose intermediate is of another root',
      change: (state, other) => {
        state.signing.intermediate = other.signing.intermediate;
        return state;
      },
      message: /the intermediate is not signed by the root/,
    },
  ];
  for (const { fault, change, message } of table) {
    test(fault, async () => {
      const { stateDir, file, text } = await newState();
      const other = await newState();
      await writeFile(file, JSON.stringify(change(JSON.parse(text), JSON.parse(other.text))));
      await assertRefused(stateDir, message);
    });
  }
});

test('what a killed process left beside the file is not taken for the state', async () => {
  const stateDir = newStateDir();
  await mkdir(stateDir, { mode: 0o700 });
  await writeFile(join(stateDir, 'ca.json.0123456789abcdef.tmp'), '{"format":', { mode: 0o600 });
  await load(stateDir);
  await load(stateDir);
});
