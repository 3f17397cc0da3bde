import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { inCheckout } from './harness/checkout.ts';
import { hadolintBinary, WITHOUT_HADOLINT } from './harness/deploy-tools.ts';

const run = promisify(execFile);
const DOCKERFILE = readFileSync(inCheckout('Dockerfile'), 'utf8');

/** The instructions of a Dockerfile, lines that go on put together, without comments. */
const INSTRUCTIONS = DOCKERFILE.replaceAll(/^#.*\n/gm, '')
  .replaceAll(/\\\n\s*/g, '')
  .split('\n')
  .filter((line) => line !== '');

const argumentsOf = (instruction: string): readonly string[] =>
  INSTRUCTIONS.filter((line) => line.startsWith(`${instruction} `)).map((line) => line.slice(instruction.length + 1));

const COMMANDS = argumentsOf('RUN').flatMap((line) => line.split(' && '));

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'image-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** What of the checkout a build is given: everything is left out but what has a line with `!`. */
function copyContext(folder: string): void {
  const [first, ...lines] = readFileSync(inCheckout('.dockerignore'), 'utf8').trim().split('\n');
  assert.equal(first, '*');
  for (const line of lines) {
    assert.match(line, /^![\w./-]+$/);
    cpSync(inCheckout(line.slice(1)), join(folder, line.slice(1)), { recursive: true });
  }
}

test('the Dockerfile passes hadolint without a remark', { skip: WITHOUT_HADOLINT }, async () => {
  const { stdout } = await run(hadolintBinary(), ['--no-color', inCheckout('Dockerfile')]).catch((error) => error);
  assert.equal(stdout, '');
});

test('the steps of the Dockerfile are those that the tests run', () => {
  const { scripts } = JSON.parse(readFileSync(inCheckout('package.json'), 'utf8'));
  assert.deepEqual(COMMANDS, ['npm ci', 'npm run build', 'node scripts/image-root.mjs /image']);
  assert.equal(typeof scripts.build, 'string');
  assert.match(readFileSync(inCheckout('.ci/run'), 'utf8'), /^npm ci$/m);
});

test('the image is not root, and starts the agent', () => {
  assert.deepEqual(argumentsOf('USER'), ['15014:15014']);
  assert.deepEqual(argumentsOf('ENTRYPOINT'), ['["node", "/app/bin/sds-node-agent"]']);
  assert.deepEqual(argumentsOf('CMD'), ['["run"]']);
  assert.match(readFileSync(inCheckout('deploy/chart/values.yaml'), 'utf8'), /^user: 15014$/m);
});

describe('what the image holds', { timeout: 120_000 }, () => {
  let app = '';
  let folder = '';
  after(() => rmSync(folder, { recursive: true, force: true }));
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'image-'));
    const checkout = join(folder, 'checkout');
    copyContext(checkout);
    // What `npm ci` makes of the lockfile.
    symlinkSync(inCheckout('node_modules'), join(checkout, 'node_modules'));
    const image = join(folder, 'image');
    for (const command of COMMANDS.filter((each) => each !== 'npm ci')) {
      await run('sh', ['-c', command.replace(/ \/image$/, ` ${image}`)], { cwd: checkout });
    }
    app = join(image, 'app');
  });

  test('is enough to run, without a checkout beside it', async () => {
    const { stdout } = await run(process.execPath, [join(app, 'bin/sds-node-agent'), 'version'], { cwd: '/' });
    assert.match(stdout, /sds-node-agent \d/);
    const { dependencies }: { dependencies: object } = JSON.parse(readFileSync(join(app, 'package.json'), 'utf8'));
    const imports = Object.keys(dependencies).map((name) => `await import(import.meta.resolve('${name}'));`);
    await run(process.execPath, ['--input-type=module', '--eval', imports.join('\n')], { cwd: app });
  });

  test('is small: no compiler, no types, no tests, 32 MB at most', () => {
    const listed = execFileSync('find', [app, '-type', 'f'], { encoding: 'utf8' }).trim().split('\n');
    assert.deepEqual(
      listed.filter((path) => /\.(ts|map)$|\/dist\/test\/|node_modules\/(typescript|@biomejs)\//.test(path)),
      [],
    );
    const bytes = listed.reduce((sum, path) => sum + statSync(path).size, 0);
    assert.ok(bytes < 32 << 20, `${bytes} bytes`);
  });

  test('has what the manifests and the health check call by name', () => {
    for (const name of ['own-directories.mjs', 'health-check.mjs', 'bin/sds-node-agent']) statSync(join(app, name));
  });
});

describe('the health check', () => {
  const check = (port: number): Promise<number> =>
    run(process.execPath, [inCheckout('deploy/image/health-check.mjs')], {
      env: { MONITORING_PORT: String(port) },
    }).then(
      () => 0,
      ({ code }) => code,
    );

  async function serve(t: TestContext, status: number): Promise<number> {
    const server = createServer(({ url }, response) => {
      response.writeHead(url === '/healthz/live' ? status : 404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    return (server.address() as AddressInfo).port;
  }

  test('passes while the agent says that it lives', async (t) => {
    assert.equal(await check(await serve(t, 200)), 0);
  });

  test('fails when the agent says that it does not, and when nobody answers', async (t) => {
    assert.equal(await check(await serve(t, 503)), 1);
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    assert.equal(await check(port), 1);
  });
});

describe('the init container', {
  skip: process.getuid?.() === 0 ? false : 'only root can give a directory away',
}, () => {
  const own = (...args: readonly string[]): Promise<{ readonly stderr: string }> =>
    run(process.execPath, [inCheckout('deploy/image/own-directories.mjs'), ...args]);
  const stateOf = (path: string): readonly number[] => {
    const { mode, uid, gid } = statSync(path);
    return [mode & 0o7777, uid, gid];
  };

  test('gives each directory to the agent with its mode, and does so again without harm', async (t) => {
    const folder = newFolder(t);
    const [sockets, state] = [join(folder, 'sds'), join(folder, 'state')];
    mkdirSync(sockets, { mode: 0o777 });
    mkdirSync(state);
    for (let time = 1; time <= 2; time++) {
      await own('15014', `0755:${sockets}`, `0700:${state}`);
      assert.deepEqual(stateOf(sockets), [0o755, 15014, 15014]);
      assert.deepEqual(stateOf(state), [0o700, 15014, 15014]);
    }
  });

  test('needs no other right than to give away', async (t) => {
    const folder = newFolder(t);
    const script = inCheckout('deploy/image/own-directories.mjs');
    const args = ['--bounding-set', '-all,+chown', '--inh-caps', '-all,+chown', process.execPath, script];
    for (const mode of ['0755', '0700']) {
      await run('setpriv', [...args, '15014', `${mode}:${folder}`]);
      assert.deepEqual(stateOf(folder), [Number.parseInt(mode, 8), 15014, 15014]);
    }
  });

  test('says what is wrong with what it is told', async () => {
    await assert.rejects(own('15014', '/var/run/sds'), /is not MODE:DIRECTORY/);
    await assert.rejects(own('agent', '0755:/var/run/sds'), /usage/);
  });
});
