import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentError } from '../../src/core/agent-error.ts';
import type { CaProvider, DerCertificates } from '../../src/core/ca-provider.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { metered } from '../../src/telemetry/metered-ca.ts';
import { FakeClock, seconds } from '../fakes/fake-clock.ts';
import { WEB } from './sample-agent.ts';

const SIGNAL = new AbortController().signal;
const REQUEST = { id: WEB, csr: Buffer.of(1), ttlMs: 1000, token: new Redacted('t') };
const CHAIN: DerCertificates = [Buffer.from('leaf')];
const UNAVAILABLE = new AgentError('ca-unavailable', 'out of reach');

/** A CA that answers what is put into it, an error or certificates. */
class ScriptedCa implements CaProvider {
  readonly name = 'Scripted';
  next: DerCertificates | Error = CHAIN;

  async sign(): Promise<DerCertificates> {
    if (this.next instanceof Error) throw this.next;
    return this.next;
  }

  roots(): Promise<DerCertificates> {
    return this.sign();
  }
}

function createSample(ca: CaProvider) {
  const clock = new FakeClock();
  const notes: string[] = [];
  const meter = {
    requestStarted: (provider: string, operation: string) => (result: string) =>
      void notes.push(`${provider} ${operation} ${result}`),
    introduced: () => undefined,
    retried: () => undefined,
  };
  return { clock, notes, ca: metered(ca, meter, clock) };
}

test('answers and errors pass unchanged and are counted', async () => {
  const scripted = new ScriptedCa();
  const { ca, notes } = createSample(scripted);
  assert.equal(await ca.sign(REQUEST, SIGNAL), CHAIN);
  scripted.next = UNAVAILABLE;
  await assert.rejects(ca.roots(SIGNAL), UNAVAILABLE);
  assert.deepEqual(notes, ['Scripted sign ok', 'Scripted roots ca-unavailable']);
});

test('health goes bad with a failure and good again with a success, which keeps the last error', async () => {
  const scripted = new ScriptedCa();
  const { ca, clock } = createSample(scripted);
  const startMs = clock.now();
  assert.deepEqual(ca.health(), { provider: 'Scripted', healthy: true });
  scripted.next = UNAVAILABLE;
  await assert.rejects(ca.sign(REQUEST, SIGNAL));
  const lastError = { code: 'ca-unavailable', message: 'out of reach', atMs: startMs };
  assert.deepEqual(ca.health(), { provider: 'Scripted', healthy: false, lastError });
  await clock.advance(seconds(5));
  scripted.next = CHAIN;
  await ca.sign(REQUEST, SIGNAL);
  assert.deepEqual(ca.health(), { provider: 'Scripted', healthy: true, lastError, lastSuccessMs: startMs + 5000 });
});

test('what is no AgentError shows as internal, without its text', async () => {
  const scripted = new ScriptedCa();
  scripted.next = new TypeError('secret detail');
  const { ca, notes } = createSample(scripted);
  await assert.rejects(ca.sign(REQUEST, SIGNAL), TypeError);
  assert.deepEqual(notes, ['Scripted sign internal']);
  assert.doesNotMatch(JSON.stringify(ca.health()), /secret detail/);
});

test('roots are watched where the provider watches them, and only there', async () => {
  assert.equal(createSample(new ScriptedCa()).ca.watchRoots, undefined);
  class WatchingCa extends ScriptedCa {
    readonly #updates = [CHAIN];

    async *watchRoots(): AsyncGenerator<DerCertificates> {
      yield* this.#updates;
      throw UNAVAILABLE;
    }
  }
  const { ca } = createSample(new WatchingCa());
  const seen: DerCertificates[] = [];
  await assert.rejects(async () => {
    for await (const roots of ca.watchRoots?.(SIGNAL) ?? []) {
      seen.push(roots);
      assert.equal(ca.health().healthy, true);
    }
  }, UNAVAILABLE);
  assert.deepEqual(seen, [CHAIN]);
  assert.equal(ca.health().healthy, false);
});
