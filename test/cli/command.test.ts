import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExitCode, toExitCode } from '../../src/cli/exit-code.ts';
import { asksForHelp, parseArguments, parseArgumentsAndSettings } from '../../src/cli/parse-arguments.ts';
import { AgentError, type ErrorCode } from '../../src/core/agent-error.ts';

const SPEC = { texts: ['socket', 'out'], switches: ['json'], required: ['socket'], operands: ['NAME'] } as const;

test('flags and operands are found wherever they stand', () => {
  const { text, has, operands } = parseArguments(['--socket', '/s', 'default', '--json'], SPEC);
  assert.equal(text('socket'), '/s');
  assert.equal(text('out'), undefined);
  assert.equal(has('json'), true);
  assert.deepEqual(operands, ['default']);
});

test('a switch can be turned off', () => {
  assert.equal(parseArguments(['--json=false'], { switches: ['json'] }).has('json'), false);
  assert.equal(parseArguments([], { switches: ['json'] }).has('json'), false);
});

test('the values of a list are separated by commas or by flags', () => {
  const { list } = parseArguments(['--dns', 'a, b', '--dns=c'], { lists: ['dns', 'other'] });
  assert.deepEqual([list('dns'), list('other')], [['a', 'b', 'c'], []]);
});

for (const [argv, faults] of [
  [['default'], ['--socket is missing']],
  [['default', '--socket='], ['--socket is missing']],
  [['--socket=/s'], ['NAME is missing']],
  [['--socket=/s', 'default', 'ROOTCA'], ['unexpected argument "ROOTCA"']],
  [['--socket=/s', 'default', '--json=perhaps'], ['--json is "perhaps"; allowed is true or false']],
  [
    ['--sockt=/s', '--jso'],
    [
      'unknown flag "--sockt": did you mean --socket?',
      'unknown flag "--jso": did you mean --json?',
      '--socket is missing',
      'NAME is missing',
    ],
  ],
  [['--socket=/s', 'default', '--secret-ttl=1h'], ['unknown flag "--secret-ttl"']],
] as const) {
  test(`${JSON.stringify(argv)} is not understood, for ${faults.length} reasons`, () => {
    assert.throws(
      () => parseArguments(argv, SPEC),
      (thrown) => {
        assert.ok(thrown instanceof AgentError);
        assert.equal(toExitCode(thrown), 64);
        for (const fault of faults) assert.ok(thrown.message.includes(fault), thrown.message);
        assert.equal(thrown.message.split('\n').length, faults.length === 1 ? 1 : faults.length + 1);
        return true;
      },
    );
  });
}

test('a command that takes settings gets both, and a flag of its own hides a setting’s', () => {
  const argv = ['--secret-ttl', '1h', '--state-dir=/own', '--json'];
  const { settings, text, has } = parseArgumentsAndSettings(
    argv,
    { LOG_LEVEL: 'debug' },
    {
      texts: ['state-dir'],
      switches: ['json'],
    },
  );
  assert.equal(settings.certificates.ttlMs, 3_600_000);
  assert.equal(settings.log.level, 'debug');
  assert.equal(settings.stateDir, './.sds-node-agent');
  assert.equal(text('state-dir'), '/own');
  assert.equal(has('json'), true);
});

test('the faults of arguments and settings are told together', () => {
  assert.throws(
    () => parseArgumentsAndSettings(['--jsn', '--secret-ttl=x'], { LOG_LEVEL: 'loud' }, { switches: ['json'] }),
    { code: 'settings-invalid', message: /--jsn.*SECRET_TTL.*LOG_LEVEL/s },
  );
});

test('help is asked for with --help or -h, anywhere before a lone --', () => {
  assert.equal(asksForHelp(['--json', '--help']), true);
  assert.equal(asksForHelp(['-h']), true);
  assert.equal(asksForHelp(['--', '--help']), false);
  assert.equal(asksForHelp(['help']), false);
});

test('exit statuses are 1 for what is not whole, 64 for settings, 69 for what is out of reach, 70 for bugs', () => {
  const statusOf = (code: ErrorCode): number => toExitCode(new AgentError(code, code));
  assert.equal(statusOf('settings-invalid'), 64);
  assert.equal(statusOf('socket-unusable'), 69);
  assert.equal(statusOf('ca-unavailable'), 69);
  assert.equal(statusOf('token-verifier-unavailable'), 69);
  assert.equal(statusOf('internal'), 70);
  assert.equal(toExitCode(new TypeError('x')), 70);
  assert.deepEqual({ ...ExitCode }, { ok: 0, incomplete: 1, usage: 64, settings: 64, unavailable: 69, software: 70 });
});
