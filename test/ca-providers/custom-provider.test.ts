import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { inspect, promisify } from 'node:util';
import { loadCaProvider } from '../../src/ca-providers/registry.ts';
import { loadSettings } from '../../src/config/load-settings.ts';
import type { AgentError } from '../../src/core/agent-error.ts';
import type { CaProvider, DerCertificates } from '../../src/core/ca-provider.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { serviceAccountId } from '../../src/core/spiffe-id.ts';
import { createCsr } from '../../src/keys/csr.ts';
import { createKeyPair } from '../../src/keys/key-pair.ts';
import { systemClock } from '../../src/runtime/system-clock.ts';
import { describeCaProvider } from '../contracts/ca-provider.ts';
import { RecordingLog } from '../fakes/recording-log.ts';
import { FaultyModuleHands } from '../fixtures/custom-ca/faulty-module-hands.ts';

const FIXTURES = join(import.meta.dirname, '../fixtures/custom-ca');
const FAULTY = join(FIXTURES, 'faulty-module.js');
const NONSENSE = join(FIXTURES, 'nonsense-module.js');
const WEB = serviceAccountId('cluster.local', 'shop', 'web');
const TOKEN = 'eyJhbGciOiJFUzI1NiJ9.bm90LXRvLWJlLXNlZW4tYW55d2hlcmU.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg';
const never = (): AbortSignal => new AbortController().signal;

let directory = '';
let csr: Uint8Array = new Uint8Array();
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'custom-ca-'));
  csr = createCsr(await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' }), WEB);
});
after(() => rm(directory, { recursive: true }));

let modules = 0;
async function writeModule(source: string): Promise<string> {
  const path = join(directory, `module-${++modules}.mjs`);
  await writeFile(path, source);
  return path;
}

interface Loaded {
  readonly provider: CaProvider;
  readonly log: RecordingLog;
}

async function load(t: TestContext, name: string, env: Record<string, string>): Promise<Loaded> {
  const life = new AbortController();
  t.after(() => life.abort());
  return await loadFor(life.signal, name, env);
}

async function loadFor(lifetime: AbortSignal, name: string, env: Record<string, string>): Promise<Loaded> {
  const log = new RecordingLog();
  const settings = loadSettings({ CA_PROVIDER: name, TOKEN_VERIFIER: 'embedded', ...env });
  const parts = { ...settings, trustDomain: settings.identity.trustDomain, clock: systemClock, log, lifetime };
  const { provider } = await loadCaProvider(name, parts);
  return { provider, log };
}

function sign(provider: CaProvider, signal = never()): Promise<DerCertificates> {
  return provider.sign({ id: WEB, csr, ttlMs: 60_000, token: new Redacted(TOKEN) }, signal);
}

async function rejection(promise: Promise<unknown>): Promise<AgentError> {
  return await promise.then(
    (value) => assert.fail(`it resolved to ${inspect(value)}`),
    (error) => error,
  );
}

function demandSecrecy(shown: string): void {
  const secrets = [TOKEN, Buffer.from(csr).toString('base64')];
  for (const text of secrets.flatMap((secret) => secret.split('.'))) {
    for (const form of [text, Buffer.from(text).toString('hex'), Buffer.from(text).join(', ')]) {
      assert.ok(!shown.includes(form.slice(4, 24)), shown);
    }
  }
}

let channels = 0;
describeCaProvider(
  'A module that CUSTOM_CA_MODULE names',
  async () => {
    const life = new AbortController();
    const address = `faulty-${process.pid}-${++channels}`;
    const hands = new FaultyModuleHands(address);
    const { provider, log } = await loadFor(life.signal, 'Custom', { CUSTOM_CA_MODULE: FAULTY, CA_ADDR: address });
    return {
      provider,
      clock: systemClock,
      tokenFor: async () => new Redacted(TOKEN),
      badTokens: async () => ({ wrong: new Redacted(`wrong-${TOKEN}`), expired: new Redacted(`expired-${TOKEN}`) }),
      faults: hands,
      changeRoot: () => hands.changeRoot(),
      logged: () => inspect(log.events, { depth: 10 }),
      async [Symbol.asyncDispose]() {
        life.abort();
        hands.close();
      },
    };
  },
  { faults: true, badTokens: true, changeRoot: true },
);

describe('CA_PROVIDER', () => {
  for (const name of ['Custom', 'Faulty']) {
    test(`${name} takes the module that calls itself Faulty`, async (t) => {
      const { provider } = await load(t, name, { CUSTOM_CA_MODULE: FAULTY, CA_ADDR: 'nobody-speaks' });
      assert.equal(provider.name, 'Faulty');
    });
  }

  test('with another name lists the names that there are', async (t) => {
    await assert.rejects(load(t, 'Other', { CUSTOM_CA_MODULE: FAULTY, CA_ADDR: 'nobody-speaks' }), {
      code: 'settings-invalid',
      message: /CA_PROVIDER says "Other": it must be one of Embedded, Citadel, VaultCA, Custom, Faulty$/,
    });
  });

  test('Custom without CUSTOM_CA_MODULE says what to set', async (t) => {
    await assert.rejects(load(t, 'Custom', {}), { code: 'settings-invalid', message: /CUSTOM_CA_MODULE is not set/ });
  });
});

describe('a module', () => {
  const whole = 'sign: async () => [], roots: async () => []';
  const table: readonly (readonly [source: string, fault: RegExp])[] = [
    ['export const name = "x"', /no default export/],
    ['export default {}', /default export is a object: export a function/],
    ['export default null', /default export is null/],
    ['export default () => { throw new Error("no key at /etc/ca") }', /default export threw "no key at \/etc\/ca"/],
    ['export default () => { throw undefined }', /default export threw/],
    ['export default async () => undefined', /made undefined: it must make a CaProvider/],
    ['export default () => ({})', /lacks name, sign, roots/],
    ['export default () => ({ name: "a", roots() {} })', /lacks sign:/],
    [`export default () => ({ name: "a b", ${whole} })`, /its name must be/],
    [`export default () => ({ name: "a,b", ${whole} })`, /its name must be/],
    [`export default () => ({ name: "", ${whole} })`, /its name must be/],
    [`export default () => ({ name: "VaultCA", ${whole} })`, /calls itself VaultCA, which is a provider of the agent/],
    ['throw new Error("broken")', /cannot be imported: "broken"/],
    ['import "./not-there.mjs"', /something that it imports is missing: .*not-there/],
    ['import "not-a-package"', /something that it imports is missing: .*not-a-package/],
    ['export default (', /cannot be imported: /],
    ['process.exit(1)', /its thread has ended/],
    ['export default () => ({ get name() { throw new Error("no name") } })', /"?no name/],
  ];
  for (const [source, fault] of table) {
    test(`that says \`${source}\` is refused with its name and what is wrong`, async (t) => {
      const module = await writeModule(source);
      const error = await rejection(load(t, 'Custom', { CUSTOM_CA_MODULE: module }));
      assert.equal(error.code, 'settings-invalid', inspect(error));
      assert.match(error.message, /^CUSTOM_CA_MODULE is ".*module-/);
      assert.match(error.message, fault);
    });
  }

  for (const named of ['./not-there.mjs', 'not-there', '@nobody/not-there', '']) {
    test(`${inspect(named)} that is not there is refused`, async (t) => {
      const error = await rejection(load(t, 'Custom', { CUSTOM_CA_MODULE: named }));
      assert.equal(error.code, 'settings-invalid');
      assert.match(error.message, named === '' ? /CUSTOM_CA_MODULE is not set/ : /there is no file .*not-there/);
    });
  }

  test('may be named by a path that is relative to the working directory', async (t) => {
    const module = relative(process.cwd(), await writeModule(`export default () => ({ name: "near", ${whole} })`));
    const { provider } = await load(t, 'near', { CUSTOM_CA_MODULE: module });
    assert.equal(provider.name, 'near');
  });

  test('may be a package', async (t) => {
    const error = await rejection(load(t, 'Custom', { CUSTOM_CA_MODULE: 'jose' }));
    assert.match(error.message, /"jose": it has no default export/);
  });

  test('is given the settings as written, the trust domain and a log', async (t) => {
    const module = await writeModule(`export default ({ CA_ADDR, CA_TIMEOUT, trustDomain, log }) => {
      console.log('hello from the module');
      log.child({ part: 'start' }).info('made', { CA_ADDR, CA_TIMEOUT, trustDomain, error: new Error('e'), list: [1] });
      return { name: "told", ${whole} };
    }`);
    const { log } = await load(t, 'told', { CUSTOM_CA_MODULE: module, CA_ADDR: 'ca:1', CA_TIMEOUT: '3s' });
    const fields = log.events.find(({ message }) => message === 'made')?.fields;
    assert.deepEqual(fields, {
      module,
      part: 'start',
      CA_ADDR: 'ca:1',
      CA_TIMEOUT: '3s',
      trustDomain: 'cluster.local',
      error: 'e',
      list: '[ 1 ]',
    });
    const printed = (): unknown => log.events.find(({ message }) => message === 'the CA module printed')?.fields;
    while (printed() === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(printed(), { module, text: 'hello from the module' });
  });
});

describe('a module that', () => {
  const loadNonsense = (t: TestContext, kind: string): Promise<Loaded> =>
    load(t, 'Custom', { CUSTOM_CA_MODULE: NONSENSE, CA_ADDR: kind });
  const demandHarmless = (error: AgentError | undefined, { log }: Loaded): void => {
    const causes = inspect(error, { depth: 10, showHidden: true });
    demandSecrecy([error?.message, causes, inspect(log.events, { depth: 10 })].join('\n'));
  };

  const table: Readonly<Record<string, readonly [code: string, message: RegExp]>> = {
    'throws a hundred million characters': ['ca-unavailable', /a text of 100000000 characters/],
    'gives a hundred million characters': ['ca-answer-invalid', /more than any CA has to say/],
    'throws a string': ['ca-unavailable', /"it did not work"/],
    'throws nothing': ['ca-unavailable', /a thrown undefined/],
    'throws what throws when it is looked at': ['ca-unavailable', /an error that cannot be read/],
    'throws the token': ['ca-unavailable', /"POST \/sign with \[redacted\] gave 500"/],
    'throws the end of the token': ['ca-unavailable', /"signature \[redacted\] is bad"/],
    'throws the token in base64, in a header': ['ca-unavailable', /"header \[redacted\]"/],
    'throws the token in hex': ['ca-unavailable', /"sent \[redacted\]"/],
    'throws the token byte by byte': ['ca-unavailable', /"sent \[redacted\]/],
    'throws the request as PEM': ['ca-unavailable', /REQUEST/],
    'throws an error with the token in its cause and its code': ['ca-unavailable', /"no"/],
    'throws an error of the CA family from a copy of the class, with the token in it': [
      'ca-overloaded',
      /^the CA refuses \[redacted\]$/,
    ],
    'throws an error of another family': ['ca-unavailable', /"who\?"/],
    'gives undefined': ['ca-answer-invalid', /sign gave undefined, not an array/],
    'gives a number': ['ca-answer-invalid', /sign gave a number/],
    'gives PEM text': ['ca-answer-invalid', /sign gave a string/],
    'gives a list of PEM texts': ['ca-answer-invalid', /element 0 .* is a string/],
    'gives PEM in bytes': ['ca-answer-invalid', /element 0 .* is PEM: give DER/],
    'gives a hole': ['ca-answer-invalid', /element 0 .* is undefined/],
    'gives a function': ['ca-answer-invalid', /cannot go to another thread/],
    'gives too many': ['ca-answer-invalid', /1000 certificates, more than 16/],
    'gives too much': ['ca-answer-invalid', /1000000 bytes, more than/],
    'gives bytes that are no certificate': ['ca-answer-invalid', /element 0 .* is no certificate/],
    'gives no promise, and no certificate': ['ca-answer-invalid', /empty chain/],
    'leaves a rejected promise behind': ['ca-answer-invalid', /empty chain/],
    'throws from a timer': ['ca-unavailable', /has ended: "from a timer: \[redacted\]"/],
    'throws a hundred million characters from a timer': ['ca-unavailable', /ended: "a text of 100000000 characters"/],
    'posts nothing to the port of the agent': ['ca-unavailable', /ended: "it has sent what is no message of ours"/],
    'posts a word to the port of the agent': ['ca-unavailable', /no message of ours/],
    'posts an unknown kind to the port of the agent': ['ca-unavailable', /no message of ours/],
    'posts a failure without one to the port of the agent': ['ca-unavailable', /no message of ours/],
    'posts a log line of another level to the port of the agent': ['ca-unavailable', /no message of ours/],
    'posts a log line without fields to the port of the agent': ['ca-unavailable', /no message of ours/],
    'posts an answer without a number to the port of the agent': ['ca-unavailable', /no message of ours/],
    'ends the process': ['ca-unavailable', /has ended: "its thread has ended"/],
    'takes all memory': ['ca-unavailable', /has ended: "Worker terminated due to reaching memory limit/],
  };
  for (const [kind, [code, message]] of Object.entries(table)) {
    test(`${kind} is ${code}, and shows neither token nor request`, { timeout: 60_000 }, async (t) => {
      const loaded = await loadNonsense(t, kind);
      const error = await rejection(sign(loaded.provider));
      assert.equal(error.code, code, inspect(error));
      assert.match(error.message, message);
      demandHarmless(error, loaded);
    });
  }

  for (const kind of [
    'never answers and does not hear the signal',
    'rejects when nobody listens any more',
    'loops for ever',
  ]) {
    test(`${kind} is ca-timeout as soon as the signal aborts`, { timeout: 60_000 }, async (t) => {
      const loaded = await loadNonsense(t, kind);
      const controller = new AbortController();
      const outcome = rejection(sign(loaded.provider, controller.signal));
      await new Promise((resolve) => setImmediate(resolve));
      controller.abort();
      const error = await outcome;
      assert.equal(error.code, 'ca-timeout', inspect(error));
      demandHarmless(error, loaded);
    });
  }

  test('says when it can be asked again is believed, for as long as is sensible', async (t) => {
    const { provider } = await loadNonsense(
      t,
      'throws an error of the CA family from a copy of the class, with the token in it',
    );
    assert.equal((await rejection(sign(provider))).retryAfterMs, 7000);
  });

  test('gives nonsense for roots is ca-answer-invalid', async (t) => {
    const { provider } = await loadNonsense(t, 'gives nonsense for roots');
    await assert.rejects(provider.roots(never()), { code: 'ca-answer-invalid', message: /roots gave a object/ });
  });

  test('tells of roots without end is heard now and then', { timeout: 20_000 }, async (t) => {
    const { provider } = await loadNonsense(t, 'tells of roots without end');
    // A thread that nobody waits for does not keep the process alive, and watching is not waiting.
    const alive = setInterval(() => undefined, 1000);
    t.after(() => clearInterval(alive));
    const controller = new AbortController();
    let heard = 0;
    for await (const roots of provider.watchRoots?.(controller.signal) ?? []) {
      assert.equal(roots.length, 1);
      if (++heard === 2) controller.abort();
    }
    assert.equal(heard, 2);
    await provider.roots(never());
  });

  test('stops telling of roots, or tells nonsense, is noted and does no harm', { timeout: 20_000 }, async (t) => {
    const { provider, log } = await loadNonsense(t, 'stops telling of roots');
    const notes = [
      'the CA module told of roots that are none',
      'the CA module does not tell of its roots any more; trying again',
    ];
    while (notes.some((note) => log.events.every(({ message }) => message !== note))) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.equal((await provider.roots(never())).length, 1);
  });

  test('says the token when its request is over is redacted all the same, in field names too', async (t) => {
    const loaded = await loadNonsense(t, 'says the token when its request is over');
    await rejection(sign(loaded.provider));
    const said = () => loaded.log.events.find(({ message }) => message.startsWith('it was'));
    while (said() === undefined) await loaded.provider.roots(never());
    assert.equal(said()?.message, 'it was [redacted]');
    demandHarmless(undefined, loaded);
  });

  test('logs and prints without end is cut short', { timeout: 20_000 }, async (t) => {
    const { provider, log } = await loadNonsense(t, 'logs and prints without end');
    for (let asked = 0; asked < 10; asked++) await provider.roots(never());
    assert.ok(log.events.length > 0 && log.events.length < 1000, `${log.events.length} lines`);
  });

  test('is loaded does not keep the process alive, and is waited for while it is asked', async () => {
    const [registry, settings, clock] = ['ca-providers/registry', 'config/load-settings', 'runtime/system-clock'].map(
      (path) => JSON.stringify(new URL(`../../src/${path}.js`, import.meta.url)),
    );
    const source = `
      import { loadCaProvider } from ${registry};
      import { loadSettings } from ${settings};
      import { systemClock as clock } from ${clock};
      const log = { info() {}, child: () => log };
      const settings = loadSettings({ CUSTOM_CA_MODULE: ${JSON.stringify(NONSENSE)}, CA_ADDR: 'prints' });
      const { provider } = await loadCaProvider('Custom', { ...settings, trustDomain: 'x', clock, log });
      console.log((await provider.roots(new AbortController().signal)).length);`;
    const args = ['--input-type=module', '--eval', source];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 20_000 });
    assert.equal(stdout, '1\n');
  });

  for (const kind of ['throws from a timer', 'loops for ever']) {
    test(`${kind} is started again, not at once, and works then`, { timeout: 60_000 }, async (t) => {
      const { provider, log } = await loadNonsense(t, kind);
      const signal = AbortSignal.timeout(500);
      await rejection(sign(provider, signal));
      while (log.events.every(({ level }) => level !== 'error'))
        await new Promise((resolve) => setTimeout(resolve, 20));
      const error = await rejection(provider.roots(never()));
      assert.equal(error.code, 'ca-unavailable');
      assert.ok((error.retryAfterMs ?? 0) > 0);
      let roots: unknown;
      while (roots === undefined) {
        roots = await provider.roots(never()).catch(() => undefined);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      assert.deepEqual(roots, [new Uint8Array([0x30, 0])]);
    });
  }
});
