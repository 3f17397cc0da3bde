import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import { FailoverProvider } from '../../src/ca-providers/failover/failover-provider.ts';
import { AgentError, type ErrorCode } from '../../src/core/agent-error.ts';
import type { DerCertificates } from '../../src/core/ca-provider.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { serviceAccountId } from '../../src/core/spiffe-id.ts';
import { sameBytes } from '../../src/keys/certificate.ts';
import { createCsr } from '../../src/keys/csr.ts';
import { createKeyPair } from '../../src/keys/key-pair.ts';
import { verifyIssuance } from '../../src/keys/verify-issuance.ts';
import { describeCaProvider } from '../contracts/ca-provider.ts';
import { FakeClock, hours, seconds, settle } from '../fakes/fake-clock.ts';
import { MemoryCa } from '../fakes/memory-ca.ts';
import { RecordingLog } from '../fakes/recording-log.ts';

const WEB = serviceAccountId('cluster.local', 'shop', 'web');
const keyPair = await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' });
const REQUEST = { id: WEB, csr: createCsr(keyPair, WEB), ttlMs: hours(1), token: new Redacted('t') };
const never = (): AbortSignal => new AbortController().signal;
const unavailable = new AgentError('ca-unavailable', 'nobody listens');

interface World {
  readonly clock: FakeClock;
  readonly log: RecordingLog;
  readonly first: MemoryCa;
  readonly second: MemoryCa;
  readonly failover: FailoverProvider;
}

async function createWorld(): Promise<World> {
  const clock = new FakeClock();
  const log = new RecordingLog();
  const first = await MemoryCa.create(clock, { name: 'First' });
  const second = await MemoryCa.create(clock, { name: 'Second' });
  const failover = new FailoverProvider([first, second], { timeLimitMs: 10_000, clock, log, random: () => 1 });
  return { clock, log, first, second, failover };
}

/** Who has signed this, by whose root it leads to. */
function signerOf({ clock, first, second }: World, chain: DerCertificates): string {
  const signers = [first, second].filter(({ rootDer }) => {
    try {
      verifyIssuance({
        chain,
        roots: [rootDer],
        spiffeId: WEB,
        publicKeyDer: keyPair.publicKeyDer,
        nowMs: clock.now(),
      });
      return true;
    } catch {
      return false;
    }
  });
  return signers.map(({ name }) => name).join();
}

async function sign(world: World): Promise<string> {
  return signerOf(world, await world.failover.sign(REQUEST, never()));
}

const holds = (ders: DerCertificates, der: Uint8Array): boolean => ders.some((other) => sameBytes(other, der));

describeCaProvider(
  'FailoverProvider of two CAs',
  async () => {
    const { clock, first, failover } = await createWorld();
    return { provider: failover, clock, changeRoot: () => first.replaceRoot() };
  },
  { changeRoot: true },
);

describeCaProvider('FailoverProvider whose first CA is down', async () => {
  const { clock, first, failover } = await createWorld();
  first.failWith(unavailable);
  return { provider: failover, clock };
});

test('the first CA signs while it works, and the second is not asked', async () => {
  const world = await createWorld();
  assert.equal(world.failover.name, 'First,Second');
  assert.equal(await sign(world), 'First');
  assert.equal(world.second.requests.length, 0);
});

describe('after the first CA failed with', () => {
  const table: Readonly<Partial<Record<ErrorCode, 'asked' | 'not asked'>>> = {
    'ca-unavailable': 'asked',
    'ca-timeout': 'asked',
    'ca-overloaded': 'asked',
    'ca-answer-invalid': 'asked',
    'ca-state-broken': 'asked',
    internal: 'asked',
    'ca-token-rejected': 'not asked',
    'ca-permission-denied': 'not asked',
    'ca-request-refused': 'not asked',
  };
  for (const [code, wanted] of Object.entries(table) as [ErrorCode, string][]) {
    test(`${code} the second is ${wanted}`, async () => {
      const world = await createWorld();
      const error = new AgentError(code, 'no');
      await world.failover.roots(never());
      world.first.failWith(error);
      if (wanted === 'asked') assert.equal(await sign(world), 'Second');
      else await assert.rejects(sign(world), error);
      assert.equal(world.second.requests.length, wanted === 'asked' ? 1 : 0);
    });
  }
});

for (const [name, change] of Object.entries({
  'that has expired': (ca: MemoryCa) => {
    ca.notBeforeOffsetMs = -hours(2);
    ca.lifetimeMs = hours(1);
  },
  'for another key': (ca: MemoryCa) => {
    ca.changeLeaf = (template) => ({ ...template, publicKeyDer: ca.rootDer });
  },
  'and nothing else': (ca: MemoryCa) => {
    ca.changeAnswer = (chain) => chain.slice(0, 1);
  },
})) {
  test(`a certificate ${name} is the CA's failure, and the second signs`, async () => {
    const world = await createWorld();
    change(world.first);
    assert.equal(await sign(world), 'Second');
  });
}

test('a first CA that hangs leaves the second its share of the time', async () => {
  const world = await createWorld();
  await world.failover.roots(never());
  world.first.hold();
  const signer = sign(world);
  await world.clock.advance(seconds(4.7));
  assert.equal(world.second.requests.length, 0);
  await world.clock.advance(seconds(0.1));
  assert.equal(await signer, 'Second');
  assert.equal(world.first.inFlight, 0);
  assert.equal(world.clock.sleeping, 0);
});

test('when both hang, the error is there before the caller gives up, and names both', async () => {
  const world = await createWorld();
  await world.failover.roots(never());
  world.first.hold();
  world.second.hold();
  const outcome = sign(world).catch((error: unknown) => error);
  await world.clock.advance(seconds(9.6));
  const error = await outcome;
  assert.ok(error instanceof AgentError);
  assert.equal(error.code, 'ca-timeout');
  assert.match(error.message, /no CA signed: First: .*; Second: /);
  assert.equal(world.clock.sleeping, 0);
});

test('when all fail, the error is as hopeful as the most hopeful, and waits as long as all asked for', async () => {
  const world = await createWorld();
  await world.failover.roots(never());
  world.first.failWith(new AgentError('ca-state-broken', 'sealed', { retryAfterMs: 9000 }));
  world.second.failWith(new AgentError('ca-overloaded', 'later', { retryAfterMs: 4000 }));
  await assert.rejects(sign(world), {
    code: 'ca-overloaded',
    retryAfterMs: 4000,
    message: 'no CA signed: First: sealed; Second: later',
  });
});

test('when all fail and a provider is broken in itself, the error is one of the ca- family all the same', async () => {
  const world = await createWorld();
  await world.failover.roots(never());
  world.first.failWith(new AgentError('internal', 'a bug'));
  world.second.failWith(new AgentError('ca-state-broken', 'sealed'));
  await assert.rejects(sign(world), { code: 'ca-state-broken', message: /First: a bug; Second: sealed/ });
  world.second.failWith(new AgentError('internal', 'another'));
  await assert.rejects(sign(world), { code: 'ca-unavailable' });
});

test('an abort ends the request, and neither fails the CA nor asks the next', async () => {
  const world = await createWorld();
  await world.failover.roots(never());
  world.first.hold();
  for (let request = 0; request < 5; request++) {
    const controller = new AbortController();
    const outcome = world.failover.sign(REQUEST, controller.signal);
    await settle();
    controller.abort();
    await assert.rejects(outcome, { code: 'ca-timeout' });
  }
  world.first.release();
  assert.equal(await sign(world), 'First');
  assert.equal(world.second.requests.length, 0);
});

test('a CA that fails three times is left alone, probed by one request at a time, and preferred again when it works', async () => {
  const world = await createWorld();
  const { first, clock, log } = world;
  await world.failover.roots(never());
  first.failWith(unavailable);
  for (let request = 0; request < 10; request++) assert.equal(await sign(world), 'Second');
  assert.equal(first.requests.length, 3);

  await clock.advance(seconds(5));
  first.hold();
  const probe = sign(world);
  await settle();
  assert.equal(await sign(world), 'Second');
  first.release();
  assert.equal(await probe, 'Second');
  assert.equal(first.requests.length, 4);

  await clock.advance(seconds(5));
  assert.equal(await sign(world), 'Second');
  assert.equal(first.requests.length, 4);

  first.failWith(undefined);
  await clock.advance(seconds(5));
  assert.equal(await sign(world), 'First');
  assert.equal(await sign(world), 'First');
  assert.deepEqual(
    log.events.map(({ level, message, fields: { provider } }) => [level, message, provider]),
    [
      ['warn', 'a CA fails again and again: the others are asked before it', 'First'],
      ['warn', 'a CA fails again and again: the others are asked before it', 'First'],
      ['info', 'a CA is asked in its turn again', 'First'],
    ],
  );
});

test('a CA that is left alone is asked all the same when nobody else can serve', async () => {
  const world = await createWorld();
  await world.failover.roots(never());
  world.first.failWith(unavailable);
  for (let request = 0; request < 3; request++) await sign(world);
  world.first.failWith(undefined);
  world.second.failWith(unavailable);
  assert.equal(await sign(world), 'First');
});

test('a refusal is an answer: it ends the failures in a row', async () => {
  const world = await createWorld();
  await world.failover.roots(never());
  for (const code of ['ca-unavailable', 'ca-unavailable', 'ca-request-refused', 'ca-unavailable'] as const) {
    world.first.failWith(new AgentError(code, 'no'));
    await sign(world).catch(() => undefined);
  }
  world.first.failWith(undefined);
  assert.equal(await sign(world), 'First');
});

describe('the roots', () => {
  test('are those of all', async () => {
    const { failover, first, second } = await createWorld();
    assert.deepEqual(await failover.roots(never()), [first.rootDer, second.rootDer]);
  });

  test('of a CA that is down are as they were last, and do not hold up the others', async () => {
    const { failover, first, second } = await createWorld();
    second.failWith(unavailable);
    assert.deepEqual(await failover.roots(never()), [first.rootDer]);
    second.failWith(undefined);
    assert.deepEqual(await failover.roots(never()), [first.rootDer, second.rootDer]);
    first.failWith(unavailable);
    assert.deepEqual(await failover.roots(never()), [first.rootDer, second.rootDer]);
  });

  test('of a CA that hangs are waited for two seconds', async () => {
    const { failover, first, second, clock } = await createWorld();
    second.hold();
    const reading = failover.roots(never());
    await clock.advance(seconds(2));
    assert.deepEqual(await reading, [first.rootDer]);
    assert.equal(clock.sleeping, 0);
  });

  test('cannot be had while no CA gives any, and the error names both', async () => {
    const { failover, first, second, clock } = await createWorld();
    first.failWith(unavailable);
    second.hold();
    const reading = failover.roots(never()).catch((error: unknown) => error);
    await clock.advance(seconds(10));
    const error = await reading;
    assert.ok(error instanceof AgentError, inspect(error));
    assert.match(error.message, /First: nobody listens; Second: it did not give its roots/);
    assert.equal(clock.sleeping, 0);
  });

  test('of a CA are told before it has signed for the first time', async () => {
    const world = await createWorld();
    const { failover, first, second } = world;
    second.failWith(unavailable);
    await failover.roots(never());
    const controller = new AbortController();
    const seen: string[] = [];
    const watching = (async () => {
      for await (const roots of failover.watchRoots(controller.signal)) seen.push(`${roots.length} roots`);
    })();
    first.failWith(unavailable);
    second.failWith(undefined);
    const signBySecond = second.sign.bind(second);
    second.sign = async (request, signal) => {
      await settle();
      seen.push('signed');
      return await signBySecond(request, signal);
    };
    assert.equal(await sign(world), 'Second');
    controller.abort();
    await watching;
    assert.deepEqual(seen, ['2 roots', 'signed']);
  });

  test('are told when those of either change, and when watching one of them fails that of the other goes on', async () => {
    const { failover, first, second, clock, log } = await createWorld();
    await failover.roots(never());
    const watchSecond = second.watchRoots.bind(second);
    let broken = true;
    second.watchRoots = (signal) => {
      if (!broken) return watchSecond(signal);
      broken = false;
      throw unavailable;
    };
    const controller = new AbortController();
    const seen: DerCertificates[] = [];
    const watching = (async () => {
      for await (const roots of failover.watchRoots(controller.signal)) seen.push(roots);
    })();
    await settle();
    await first.replaceRoot();
    await settle();
    assert.ok(holds(seen.at(-1) ?? [], first.rootDer));
    await clock.advance(seconds(1));
    await second.replaceRoot();
    await settle();
    assert.deepEqual(seen.at(-1), [first.rootDer, second.rootDer]);
    assert.equal(log.events.length, 1);
    controller.abort();
    await watching;
    assert.equal(clock.sleeping, 0);
  });

  test('that are new when a certificate comes are read before it is judged', async () => {
    const world = await createWorld();
    await world.failover.roots(never());
    await world.first.replaceRoot();
    assert.equal(await sign(world), 'First');
    assert.ok(holds(await world.failover.roots(never()), world.first.rootDer));
  });
});
