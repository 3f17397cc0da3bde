import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { Command, CommandIo } from '../../src/cli/command.ts';
import { toExitCode } from '../../src/cli/exit-code.ts';
import { rotate } from '../../src/cli/rotate.ts';
import { status } from '../../src/cli/status.ts';
import { AgentError, toAgentError } from '../../src/core/agent-error.ts';
import { AdminServer } from '../../src/telemetry/admin-server.ts';
import { RecordingLog } from '../fakes/recording-log.ts';
import { CART, EVIL, SAMPLE_STATUS, SampleAgent, WEB } from '../telemetry/sample-agent.ts';

let directory: string;
let socketPath: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'admin-'));
  socketPath = join(directory, 'admin.sock');
});
afterEach(() => rmSync(directory, { recursive: true }));

interface World {
  readonly signal?: AbortSignal;
  readonly env?: CommandIo['env'];
  readonly terminal?: boolean;
}

/** Runs a command as the launcher does. */
async function run(command: Command, argv: readonly string[], { signal, env, terminal = false }: World = {}) {
  let stdout = '';
  let stderr = '';
  const io: CommandIo = {
    env: { ADMIN_SOCKET: socketPath, ...env },
    stdout: { write: (text) => (stdout += text), isTTY: terminal, columns: 200 },
    stderr: { write: (text) => (stderr += text) },
    signal: signal ?? new AbortController().signal,
  };
  const exitCode = await command.run(argv, io).catch((thrown: unknown) => {
    stderr += toAgentError(thrown).message;
    return toExitCode(thrown);
  });
  return { exitCode, stdout, stderr };
}

async function startAgent() {
  const agent = new SampleAgent();
  const server = new AdminServer({ view: agent, control: agent, log: new RecordingLog() });
  await server.listen(socketPath);
  return { agent, server };
}

test('status is a table, and JSON when asked for', async () => {
  const { server } = await startAgent();
  await using _ = server;
  const table = await run(status, []);
  assert.equal(table.exitCode, 0);
  assert.match(table.stdout, /^spiffe:\/\/cluster\.local\/ns\/shop\/sa\/web +ready/m);
  const json = await run(status, ['--json']);
  assert.deepEqual(JSON.parse(json.stdout), SAMPLE_STATUS);
  assert.doesNotMatch(json.stdout, /[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}]/u);
});

test('colour is for a terminal where NO_COLOR is not set', async () => {
  const { server } = await startAgent();
  await using _ = server;
  const coloured = async (world: World) => (await run(status, [], world)).stdout.includes('\u001b[');
  assert.equal(await coloured({ terminal: true }), true);
  assert.equal(await coloured({ terminal: true, env: { ADMIN_SOCKET: socketPath, NO_COLOR: '1' } }), false);
  assert.equal(await coloured({ terminal: false }), false);
});

test('the flag wins over ADMIN_SOCKET', async () => {
  const { server } = await startAgent();
  await using _ = server;
  const env = { ADMIN_SOCKET: '/nowhere/admin.sock' };
  assert.equal((await run(status, ['--admin-socket', socketPath], { env })).exitCode, 0);
  assert.equal((await run(status, [`--admin-socket=${socketPath}`], { env })).exitCode, 0);
  assert.equal((await run(status, [], { env })).exitCode, 69);
});

test('where no agent runs, both commands say which socket and what to do, and exit with 69', async () => {
  for (const command of [status, rotate]) {
    const { exitCode, stdout, stderr } = await run(command, []);
    assert.deepEqual([exitCode, stdout], [69, '']);
    assert.equal(
      stderr,
      `no agent answers at ${socketPath}: there is no such socket: start the agent, or name its socket with --admin-socket or ADMIN_SOCKET`,
    );
  }
});

test('something else behind the socket is not taken for an agent', async () => {
  const answers = [
    'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi',
    'HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n',
    'SSH-2.0-x\r\n',
    '',
  ];
  for (const answer of answers) {
    const other = createServer((socket) => socket.on('error', () => undefined).on('data', () => socket.end(answer)));
    await new Promise<void>((resolve) => other.listen(socketPath, resolve));
    for (const command of [status, rotate]) {
      const { exitCode, stderr } = await run(command, []);
      assert.equal(exitCode, 69, answer);
      assert.ok(stderr.includes(socketPath), stderr);
    }
    await new Promise((resolve) => other.close(resolve));
  }
});

const ROTATIONS = [
  { argv: [], asked: 'all', stdout: `renewed ${WEB}\nrenewed ${CART}\n`, stderr: 'renewing every certificate\n' },
  {
    argv: ['--all'],
    asked: 'all',
    stdout: `renewed ${WEB}\nrenewed ${CART}\n`,
    stderr: 'renewing every certificate\n',
  },
  { argv: ['--identity', WEB], asked: WEB, stdout: `renewed ${WEB}\n`, stderr: `renewing ${WEB}\n` },
  { argv: ['--root'], asked: 'root', stdout: 'the root has been replaced\n', stderr: 'both roots are trusted\n' },
];

test('rotate asks for what the flags say, shows progress on stderr and the result on stdout', async () => {
  const { agent, server } = await startAgent();
  await using _ = server;
  for (const { argv, stdout, stderr } of ROTATIONS) {
    assert.deepEqual(await run(rotate, argv), { exitCode: 0, stdout, stderr }, argv.join(' '));
  }
  assert.deepEqual(
    agent.asked,
    ROTATIONS.map(({ asked }) => asked),
  );
});

test('rotate --json gives each event as a line', async () => {
  const { server } = await startAgent();
  await using _ = server;
  const { stdout, stderr } = await run(rotate, ['--identity', WEB, '--json']);
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(events, [{ progress: `renewing ${WEB}` }, { done: true, rotated: [WEB] }]);
  assert.equal(stderr, '');
});

const FAILURES = [
  {
    error: new AgentError('ca-unavailable', 'vault is out of reach'),
    exitCode: 69,
    said: 'rotate: vault is out of reach (ca-unavailable)\n',
  },
  { error: new AgentError('request-name-unknown', `no ${EVIL}`), exitCode: 69, said: /\(request-name-unknown\)\n$/ },
  { error: new TypeError('x is undefined'), exitCode: 70, said: 'rotate: internal error (internal)\n' },
];

test('a rotation that fails is told, and its exit status says whose fault it is', async () => {
  const { agent, server } = await startAgent();
  await using _ = server;
  for (const { error, exitCode, said } of FAILURES) {
    agent.onRotate = () => Promise.reject(error);
    const result = await run(rotate, ['--all']);
    assert.equal(result.exitCode, exitCode);
    const told = result.stderr.replace('renewing every certificate\n', '');
    if (typeof said === 'string') assert.equal(told, said);
    else assert.match(told, said);
    assert.doesNotMatch(told, /[^\P{Cc}\n]/u);
  }
});

test('flags that are not understood are named, and the exit status is 64', async () => {
  const table: [Command, string[], RegExp][] = [
    [status, ['--jsn'], /--jsn/],
    [status, ['extra'], /extra/],
    [rotate, ['--all', '--root'], /--identity, --all and --root/],
    [rotate, ['--identity', 'web'], /^--identity: "web" is not a SPIFFE ID/],
    [rotate, ['--identity'], /--identity/],
  ];
  for (const [command, argv, said] of table) {
    const { exitCode, stderr } = await run(command, argv);
    assert.equal(exitCode, 64, argv.join(' '));
    assert.match(stderr, said);
  }
});

test('an agent that ends before it is done is an error', async () => {
  const { agent, server } = await startAgent();
  await using _ = server;
  agent.onRotate = () => server.close().then(() => new Promise(() => undefined));
  const { exitCode, stderr } = await run(rotate, ['--all']);
  assert.equal(exitCode, 69);
  assert.ok(stderr.includes(socketPath), stderr);
});

test('an interrupted command ends at once, and the agent stops waiting', async () => {
  const { agent, server } = await startAgent();
  await using _ = server;
  const interrupt = new AbortController();
  const heard = new Promise<void>((resolve) => {
    agent.onRotate = (signal) => {
      interrupt.abort();
      return new Promise((settled) => {
        signal.addEventListener('abort', () => {
          settled();
          resolve();
        });
      });
    };
  });
  const { exitCode, stderr } = await run(rotate, ['--all'], { signal: interrupt.signal });
  assert.equal(exitCode, 69);
  assert.match(stderr, /interrupted$/);
  await heard;
});
