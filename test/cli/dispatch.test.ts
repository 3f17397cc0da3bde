import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COMMANDS } from '../../src/cli/commands.ts';
import { dispatch } from '../../src/cli/dispatch.ts';
import { RecordingIo } from './recording-io.ts';

for (const name of COMMANDS.keys()) {
  test(`${name} --help says how it is used, on standard output, and does nothing`, async () => {
    const io = new RecordingIo();
    assert.equal(await dispatch([name, '--help'], io), 0);
    assert.match(io.out, new RegExp(`^usage: sds-node-agent ${name}`));
    assert.equal(io.err, '');
  });

  test(`${name} refuses a flag that does not exist, with status 64`, async () => {
    const io = new RecordingIo();
    assert.equal(await dispatch([name, '--no-such-flag'], io), 64);
    assert.match(io.err, /no-such-flag/);
    assert.equal(io.out, '');
  });
}

test('no command at all shows the overview as an error', async () => {
  const io = new RecordingIo();
  assert.equal(await dispatch([], io), 64);
  assert.match(io.err, /rotate/);
});

test('--help shows every command', async () => {
  const io = new RecordingIo();
  assert.equal(await dispatch(['--help'], io), 0);
  for (const name of COMMANDS.keys()) assert.match(io.out, new RegExp(`^  ${name} `, 'm'));
});

test('a command that is misspelt is met with the one that was meant', async () => {
  const io = new RecordingIo();
  assert.equal(await dispatch(['statsu'], io), 64);
  assert.match(io.err, /did you mean status/);
});

test('run lists every fault of its settings at once', async () => {
  const io = new RecordingIo({ SECRET_TTL: 'soon', SDS_UDS_MODE: 'rw' });
  assert.equal(await dispatch(['run', '--trust-domain', 'Not A Domain'], io), 64);
  for (const setting of ['SECRET_TTL', 'SDS_UDS_MODE', 'TRUST_DOMAIN']) assert.match(io.err, new RegExp(setting));
});
