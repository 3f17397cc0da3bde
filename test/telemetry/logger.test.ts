import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { AgentError } from '../../src/core/agent-error.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { createLogger, type LoggerOptions } from '../../src/telemetry/logger.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { EVIL } from './sample-agent.ts';

const JWT = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ3ZWIifQ.c2lnbmF0dXJl';
const PRIVATE_KEY = '-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMG\n-----END PRIVATE KEY-----\n';

function logTo(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const destination = { write: (line: string) => lines.push(line) };
  const log = createLogger({ level: 'info', format: 'json', clock: new FakeClock(), destination, ...options });
  return { log, lines, parsed: () => lines.map((line) => JSON.parse(line)) };
}

test('an event is one JSON line with the time, the level, the fields and the constant message', () => {
  const { log, parsed } = logTo();
  log.info('certificate issued', { identity: 'spiffe://td/a', ttlMs: 5 });
  assert.deepEqual(parsed(), [
    {
      level: 'info',
      time: '2030-01-01T00:00:00.000Z',
      identity: 'spiffe://td/a',
      ttlMs: 5,
      message: 'certificate issued',
    },
  ]);
});

test('events below the level are not written, in both formats', () => {
  for (const format of ['json', 'text'] as const) {
    const { log, lines } = logTo({ level: 'warn', format });
    log.debug('a');
    log.info('b');
    log.warn('c');
    log.error('d');
    assert.equal(lines.length, 2, format);
  }
});

test('a child adds its fields to every event, in both formats', () => {
  const json = logTo();
  json.log.child({ room: 'cache' }).child({ identity: 'a' }).info('hello', { n: 1 });
  const { room, identity, n } = json.parsed()[0];
  assert.deepEqual({ room, identity, n }, { room: 'cache', identity: 'a', n: 1 });
  const text = logTo({ format: 'text' });
  text.log.child({ room: 'cache' }).child({ identity: 'a' }).info('hello', { n: 1 });
  assert.match(text.lines[0] ?? '', /^00:00:00\.000 INFO {2}hello +room=cache identity=a n=1\n$/);
});

test('an error shows its code, its message and what led to it', () => {
  const { log, parsed } = logTo();
  const refused = Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:8200'), { code: 'ECONNREFUSED' });
  log.warn('renewal failed', { error: new AgentError('ca-unavailable', 'vault is out of reach', { cause: refused }) });
  assert.deepEqual(parsed()[0].error, {
    code: 'ca-unavailable',
    message: 'vault is out of reach',
    causes: ['connect ECONNREFUSED 10.0.0.1:8200'],
  });
});

test('only a bug brings a stack', () => {
  const { log, parsed } = logTo();
  log.error('a', { error: new AgentError('internal', 'internal error', { cause: new TypeError('x is undefined') }) });
  log.error('b', { error: new AgentError('ca-timeout', 'too slow', { cause: new Error('late') }) });
  const [bug, timeout] = parsed();
  assert.match(bug.error.stack[0], /^at .*logger\.test/);
  assert.equal(timeout.error.stack, undefined);
});

test('keys and tokens do not get through, wherever they are', () => {
  for (const format of ['json', 'text'] as const) {
    const { log, lines } = logTo({ format });
    log.info('seen', {
      token: new Redacted(JWT),
      nested: { key: new Redacted(PRIVATE_KEY), list: [new Redacted('s3cret'), `Bearer ${JWT}`] },
      text: `got ${PRIVATE_KEY} and hvs.CAESIJ1234567890abcdefgh and s.CAESIJ1234567890abcdefgh`,
      map: new Map([['token', new Redacted('s3cret')]]),
      error: new AgentError('ca-answer-invalid', `answered ${JWT}`, { cause: new Error(PRIVATE_KEY) }),
      bytes: Buffer.from(PRIVATE_KEY),
      headers: new Headers({ authorization: 's3cret' }),
    });
    const line = lines.join('');
    for (const secret of ['eyJ', 'MIGH', 's3cret', 'CAESIJ']) assert.ok(!line.includes(secret), `${secret} in ${line}`);
    assert.match(line, /\[redacted\]/);
  }
});

test('whatever values hold, an event is one line without terminal escapes', () => {
  for (const format of ['json', 'text'] as const) {
    const { log, lines } = logTo({ format });
    log.info('seen', { name: EVIL, [EVIL]: 1, error: new Error(EVIL) });
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+\n$/u);
  }
  const { log, parsed } = logTo();
  log.info('seen', { name: EVIL });
  assert.equal(parsed()[0].name, EVIL, 'JSON readers get the value as it was');
});

test('values are bounded: long, many, deep and cyclic ones', () => {
  const { log, lines, parsed } = logTo();
  const cyclic: { name: string; self?: object } = { name: 'loop' };
  cyclic.self = cyclic;
  const wide = Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`key${n}`, 'x'.repeat(5000)]));
  log.info('seen', { cyclic, wide, list: Array.from({ length: 100_000 }, (_, n) => n), text: 'y'.repeat(1e6) });
  assert.ok((lines[0]?.length ?? 0) < 50_000, `${lines[0]?.length} characters`);
  assert.equal(parsed()[0].list.at(-1), '… 99980 more');
});

test('odd values are harmless', () => {
  const { log, parsed } = logTo();
  const fields = {
    big: 2n ** 70n,
    none: undefined,
    nil: null,
    nan: Number.NaN,
    sym: Symbol('s'),
    call: () => 1,
    set: new Set([1]),
  };
  log.info('seen', fields);
  const { big, nil, nan, set } = parsed()[0];
  assert.deepEqual({ big, nil, nan, set }, { big: '1180591620717411303424', nil: null, nan: 'NaN', set: [1] });
});

test('a field that has the name of one of the base fields does not replace it', () => {
  const { log, lines, parsed } = logTo();
  log.info('real', { message: 'fake', level: 'error', time: 'never' });
  assert.equal(lines[0]?.match(/"message":/g)?.length, 1);
  const { level, message, message_ } = parsed()[0];
  assert.deepEqual({ level, message, message_ }, { level: 'info', message: 'real', message_: 'fake' });
});

test('text has colour only when asked for', () => {
  const plain = logTo({ format: 'text' });
  plain.log.error('broken');
  assert.equal(plain.lines[0], '00:00:00.000 ERROR broken\n');
  const coloured = logTo({ format: 'text', colour: true });
  coloured.log.error('broken');
  assert.equal(coloured.lines[0], '00:00:00.000 \u001b[31mERROR\u001b[0m broken\n');
});

/** Runs a script that has a log on its standard output, in a process of its own. */
function runLogging(script: string, stdout: 'pipe' | number) {
  const logger = new URL('../../src/telemetry/logger.js', import.meta.url).href;
  const source = `import { createLogger } from '${logger}'; const log = createLogger({ level: 'info', format: 'json' }); ${script}`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', source], { stdio: ['ignore', stdout, 'pipe'] });
}

test('what was logged right before the process ended is written, in order', () => {
  const { status, stdout } = runLogging(
    'for (let n = 0; n < 5000; n++) log.info("x", { n }); process.exitCode = 3',
    'pipe',
  );
  assert.equal(status, 3);
  const numbers = String(stdout)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).n);
  assert.deepEqual(
    numbers,
    Array.from({ length: 5000 }, (_, n) => n),
  );
});

test('a log that cannot be written does not end the agent', () => {
  const full = openSync('/dev/full', 'w');
  const script = 'log.info("x"); setTimeout(() => { log.info("y"); process.stderr.write("alive"); }, 100)';
  const { status, stderr } = runLogging(script, full);
  closeSync(full);
  assert.deepEqual([status, String(stderr)], [0, 'alive']);
});
