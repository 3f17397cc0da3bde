import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { AgentError } from '../../src/core/agent-error.ts';
import { readGuardedFile } from '../../src/file-secrets/read-guarded-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'sds-guarded-'));
after(() => rmSync(folder, { recursive: true }));
const served = join(folder, 'served');
const outside = join(folder, 'outside');
const at = (...names: string[]): string => join(served, ...names);

mkdirSync(at('inner'), { recursive: true });
mkdirSync(outside);
writeFileSync(at('file'), 'inside');
writeFileSync(at('inner', 'file'), 'deep inside');
writeFileSync(join(outside, 'file'), 'secret of somebody else');
symlinkSync('inner', at('..data'));
symlinkSync('..data/file', at('linked'));
symlinkSync(at('inner', 'file'), at('absolute'));
symlinkSync('../outside/file', at('out'));
symlinkSync(join(outside, 'file'), at('absolute-out'));
symlinkSync('../outside', at('out-directory'));
symlinkSync('../outside', at('..2029'));
symlinkSync('..2029/file', at('out-through-data'));
symlinkSync('/proc/self/root/etc/hostname', at('proc'));
symlinkSync(`/proc/${process.pid}/environ`, at('environ'));
symlinkSync('/dev/zero', at('zero'));
symlinkSync('circle', at('circle'));
symlinkSync('nowhere', at('dangling'));
symlinkSync(served, join(folder, 'link-to-served'));
mkdirSync(join(folder, 'served-not'));
writeFileSync(join(folder, 'served-not', 'file'), 'of a directory whose name begins alike');
symlinkSync('../served-not/file', at('alike'));
execFileSync('mkfifo', [at('fifo')]);
writeFileSync(at('huge'), '');
truncateSync(at('huge'), 1024 * 1024 + 1);
writeFileSync(at('large'), '');
truncateSync(at('large'), 1024 * 1024);

const GIVEN = {
  file: 'inside',
  'inner/file': 'deep inside',
  linked: 'deep inside',
  absolute: 'deep inside',
  '..data/file': 'deep inside',
};

for (const [name, content] of Object.entries(GIVEN)) {
  test(`${name} is read`, async () => assert.equal(String(await readGuardedFile(at(name), [served])), content));
}

test('a directory may itself be behind a link', async () => {
  const directory = join(folder, 'link-to-served');
  assert.equal(String(await readGuardedFile(join(directory, 'linked'), [directory])), 'deep inside');
});

test('a link from one directory into another is followed', async () => {
  assert.equal(String(await readGuardedFile(at('out'), [served, outside])), 'secret of somebody else');
});

test('a file of the size that is allowed is read whole', async () => {
  assert.equal((await readGuardedFile(at('large'), [served])).length, 1024 * 1024);
});

const REFUSED = {
  out: /leads out/,
  'absolute-out': /leads out/,
  'out-directory/file': /leads out/,
  'out-through-data': /leads out/,
  alike: /leads out/,
  proc: /leads out/,
  environ: /leads out/,
  zero: /leads out/,
  '../outside/file': /leads out/,
  inner: /not a plain file/,
  fifo: /not a plain file/,
  socket: /not a plain file/,
  huge: /more than 1048576 bytes/,
  circle: /cannot be read \(ELOOP\)/,
  [`${'x'.repeat(300)}`]: /cannot be read \(ENAMETOOLONG\)/,
};

for (const [name, why] of Object.entries(REFUSED)) {
  test(`${name.slice(0, 20)} is refused`, { timeout: 10_000 }, async (context) => {
    if (name === 'socket') {
      const server = createServer().listen(at('socket'));
      context.after(() => server.close());
      await new Promise((resolve) => server.once('listening', resolve));
    }
    await assert.rejects(readGuardedFile(at(name), [served]), (thrown) => {
      assert.ok(thrown instanceof AgentError);
      assert.equal(thrown.code, 'secret-unusable');
      assert.match(thrown.message, why);
      return true;
    });
  });
}

for (const name of ['nothing', 'dangling', 'file/below', 'nothing/at/all']) {
  test(`${name} is not there`, async () => {
    const gone = (thrown: unknown) => thrown instanceof AgentError && thrown.code === 'secret-gone';
    await assert.rejects(readGuardedFile(at(name), [served]), gone);
  });
}

test('a directory that is not there has nothing', async () => {
  await assert.rejects(readGuardedFile(at('file'), [join(folder, 'no-such-directory')]), /leads out/);
  await assert.rejects(readGuardedFile(at('file'), []), /leads out/);
});

const FLIPS = {
  'a link on the way': `
    symlinkSync(turn % 2 ? 'good' : '../outside', 'tmp');
    renameSync('tmp', '..data');`,
  'a directory on the way for a link': `
    renameSync('good', 'kept');
    symlinkSync('../outside', 'good');
    unlinkSync('good');
    renameSync('kept', 'good');`,
};

for (const [what, flip] of Object.entries(FLIPS)) {
  test(`whoever exchanges ${what} while it is followed never gets what is outside`, { timeout: 60_000 }, async () => {
    const flipping = mkdtempSync(join(folder, 'flipping-'));
    mkdirSync(join(flipping, 'good'));
    writeFileSync(join(flipping, 'good', 'file'), 'inside');
    symlinkSync('good', join(flipping, '..data'));
    const seen = new Map<string, number>();
    const read = async (): Promise<void> => {
      const path = join(flipping, '..data', 'file');
      const found = await readGuardedFile(path, [flipping]).then(String, (thrown) => String(thrown.code));
      seen.set(found, (seen.get(found) ?? 0) + 1);
    };
    const flipper = execFile(process.execPath, ['-e', flipForever(flip)], { cwd: flipping });
    try {
      // Until enough has happened for one to slip through, were that possible.
      const enough = (): boolean => (seen.get('inside') ?? 0) > 500 && (seen.get('secret-unusable') ?? 0) > 50;
      while (!enough()) await read();
    } finally {
      flipper.kill('SIGKILL');
    }
    assert.deepEqual(
      [...seen.keys()].filter((result) => !/^(inside|secret-unusable|secret-gone)$/.test(result)),
      [],
    );
  });
}

/** Does it again and again, as fast as it can, in a process of its own. */
function flipForever(flip: string): string {
  return `const { renameSync, symlinkSync, unlinkSync } = require('node:fs'); for (let turn = 0; ; turn++) {${flip}}`;
}
