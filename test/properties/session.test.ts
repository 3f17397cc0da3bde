import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Effect, lastNonce } from '../../src/sds/session.ts';
import { DELTA, type Protocol, SessionPlayer, SOTW } from '../sds/transcript.ts';

const NAMES = ['default', 'ROOTCA', 'ALL', 'nonsense'];

/** Anything that can happen to a session, in any order, from a peer that keeps no rule. */
type Move =
  | { readonly move: 'have'; readonly name: string; readonly version: string }
  | {
      readonly move: 'hear';
      readonly names: string[];
      readonly dropped: string[];
      readonly nonce: Nonce;
      readonly reject: boolean;
    };
type Nonce = 'last' | 'none' | 'wrong';

const name = fc.constantFrom(...NAMES);
const move: fc.Arbitrary<Move> = fc.oneof(
  fc.record({ move: fc.constant('have' as const), name, version: fc.constantFrom('', '1', '2', '3') }),
  fc.record({
    move: fc.constant('hear' as const),
    names: fc.array(name, { maxLength: 4 }),
    dropped: fc.array(name, { maxLength: 2 }),
    nonce: fc.constantFrom<Nonce>('last', 'last', 'last', 'none', 'wrong'),
    reject: fc.boolean(),
  }),
);

interface Played {
  readonly player: SessionPlayer;
  readonly effects: readonly Effect[];
}

function play(
  protocol: Protocol,
  moves: readonly Move[],
  afterEach: (played: Played, move: Move) => void,
): SessionPlayer {
  const player = new SessionPlayer(protocol);
  for (const one of moves) afterEach({ player, effects: playMove(player, protocol, one) }, one);
  return player;
}

function playMove(player: SessionPlayer, protocol: Protocol, one: Move): Effect[] {
  if (one.move === 'have') return player.have(one.name, one.version);
  const { names, dropped, nonce, reject } = one;
  const words = protocol === SOTW ? names : [...names.map((word) => `+${word}`), ...dropped.map((word) => `-${word}`)];
  const nonces = { last: lastNonce(player.session), none: '', wrong: 'x9' };
  return player.hear(words, nonces[nonce], reject ? 'rejected' : undefined);
}

const PROTOCOLS = { 'state of the world': SOTW, delta: DELTA };

for (const [title, protocol] of Object.entries(PROTOCOLS)) {
  const check = (property: (moves: Move[]) => void): void => {
    fc.assert(fc.property(fc.array(move, { maxLength: 60 }), property), { numRuns: 500 });
  };

  test(`${title}: never says what is not subscribed to or not there`, () => {
    check((moves) => {
      play(protocol, moves, ({ player, effects }) => {
        for (const effect of effects) {
          if (effect.type !== 'say') continue;
          assert.ok(effect.names.length > 0);
          for (const said of effect.names) assert.ok(player.session.names.has(said) && player.store.has(said));
        }
      });
    });
  });

  test(`${title}: never has two unacknowledged responses`, () => {
    check((moves) => {
      let unacknowledged = 0;
      play(protocol, moves, ({ effects }) => {
        for (const effect of effects) {
          if (effect.type === 'note' && effect.heard !== 'stale') unacknowledged = 0;
          if (effect.type === 'say') unacknowledged++;
          assert.ok(unacknowledged <= 1);
        }
      });
    });
  });

  test(`${title}: no nonce is used twice`, () => {
    check((moves) => {
      const nonces = new Set<string>();
      play(protocol, moves, ({ effects }) => {
        for (const effect of effects) {
          if (effect.type !== 'say') continue;
          assert.ok(!nonces.has(effect.nonce));
          nonces.add(effect.nonce);
        }
      });
    });
  });

  test(`${title}: subscribes and unsubscribes each name in turn, and knows which are open at the end`, () => {
    check((moves) => {
      const open = new Set<string>();
      const player = play(protocol, moves, ({ effects }) => {
        for (const effect of effects) {
          if (effect.type === 'subscribe') assert.ok(!open.has(effect.name) && open.add(effect.name));
          if (effect.type === 'unsubscribe') assert.ok(open.delete(effect.name));
        }
      });
      assert.deepEqual([...open].sort(), [...player.session.names.keys()].sort());
    });
  });

  test(`${title}: a peer that acknowledges everything ends up with the newest of all it asked for`, () => {
    check((moves) => {
      const held = new Map<string, string>();
      const take = (player: SessionPlayer, effects: readonly Effect[]): void => {
        for (const effect of effects) {
          if (effect.type !== 'say') continue;
          for (const said of effect.names) held.set(said, player.store.get(said) ?? '');
        }
      };
      const accepted = moves.map((one) => (one.move === 'hear' ? { ...one, reject: false } : one));
      const player = play(protocol, accepted, ({ player: at, effects }) => take(at, effects));
      const names = protocol === SOTW ? [...player.session.names.keys()] : [];
      for (let round = 0; round < 2; round++) take(player, player.hear(names, lastNonce(player.session)));
      for (const wanted of player.session.names.keys()) {
        const newest = player.store.get(wanted);
        if (newest !== undefined) assert.equal(held.get(wanted), newest);
      }
    });
  });
}
