import assert from 'node:assert/strict';
import * as delta from '../../src/sds/delta-session.ts';
import { type Effect, newSession, type Session, type Step, withReady } from '../../src/sds/session.ts';
import * as sotw from '../../src/sds/sotw-session.ts';

/**
 * One of the two protocols, as a transcript writes it:
 *
 *     have default=1                   the store has version 1 of `default` from now on (`default=`: nothing)
 *     hear default ROOTCA              state of the world: a request that names these
 *     hear +default -ROOTCA            delta: subscribes and unsubscribes
 *     hear default #1                  ... that answers the response number 1
 *     hear default #1 !bad key         ... and rejects it
 *     -> subscribe default, say default=1 #1
 *
 * A line that begins with `->` lists what the line before must have done; without one it must have done nothing.
 */
export interface Protocol {
  hear(session: Session, words: readonly string[], nonce: string, rejection: string | undefined): Step;
  learnVersions(session: Session, versions: ReadonlyMap<string, string | undefined>): Step;
}

export const SOTW: Protocol = {
  hear: (session, names, nonce, rejection) => sotw.hearRequest(session, { names, nonce, rejection }),
  learnVersions: sotw.learnVersions,
};

export const DELTA: Protocol = {
  hear(session, words, nonce, rejection) {
    const named = (sign: string): string[] =>
      words.filter((word) => word.startsWith(sign)).map((word) => word.slice(1));
    return delta.hearRequest(session, { subscribe: named('+'), unsubscribe: named('-'), nonce, rejection });
  },
  learnVersions: delta.learnVersions,
};

/** Plays a session the way a stream does: looks at the store before each request and after each subscription. */
export class SessionPlayer {
  readonly store = new Map<string, string>();
  readonly #protocol: Protocol;
  session: Session = newSession('n');

  constructor(protocol: Protocol) {
    this.#protocol = protocol;
  }

  have(name: string, version: string): Effect[] {
    if (version === '') this.store.delete(name);
    else this.store.set(name, version);
    return this.#perform(this.#protocol.learnVersions(this.session, this.#look()));
  }

  hear(words: readonly string[], nonce: string, rejection?: string): Effect[] {
    return this.#perform(this.#protocol.hear(withReady(this.session, this.#look()), words, nonce, rejection));
  }

  #look(): Map<string, string | undefined> {
    return new Map([...this.session.names.keys()].map((name) => [name, this.store.get(name)]));
  }

  #perform({ session, effects }: Step): Effect[] {
    this.session = session;
    if (!effects.some(({ type }) => type === 'subscribe')) return [...effects];
    return [...effects, ...this.#perform(this.#protocol.learnVersions(session, this.#look()))];
  }
}

/** Plays a transcript and holds it against what it says. */
export function playTranscript(protocol: Protocol, transcript: string): void {
  const player = new SessionPlayer(protocol);
  const lines = transcript
    .trim()
    .split('\n')
    .map((line) => line.trim());
  for (const [index, line] of lines.entries()) {
    if (line.startsWith('->')) continue;
    const next = lines[index + 1] ?? '';
    const expected = next.startsWith('->') ? next.slice(2).trim() : '';
    const done = playLine(player, line).map((effect) => describe(effect, player.store));
    assert.equal(done.join(', '), expected, `after line ${index + 1}: ${line}`);
  }
}

function playLine(player: SessionPlayer, line: string): Effect[] {
  const [verb, ...words] = line.split(' ');
  if (verb === 'have') {
    return words.flatMap((word) => player.have(...splitAt(word, '=')));
  }
  if (verb !== 'hear') throw new Error(`a transcript line begins with have, hear or ->: ${line}`);
  const [said = '', rejection] = line.slice('hear'.length).split('!');
  const parts = said.split(' ').filter((part) => part !== '');
  const nonce = parts.find((part) => part.startsWith('#'));
  return player.hear(
    parts.filter((part) => part !== nonce),
    nonce === undefined ? '' : `n${nonce.slice(1)}`,
    rejection,
  );
}

function splitAt(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return [text.slice(0, at), text.slice(at + 1)];
}

function describe(effect: Effect, store: ReadonlyMap<string, string>): string {
  switch (effect.type) {
    case 'subscribe':
    case 'unsubscribe':
      return `${effect.type} ${effect.name}`;
    case 'say':
      return `say ${effect.names.map((name) => `${name}=${store.get(name)}`).join(' ')} #${effect.nonce.slice(1)}`;
    case 'note':
      switch (effect.heard) {
        case 'ack':
          return `ack ${[...effect.versions].map(([name, version]) => `${name}=${version}`).join(' ')}`;
        case 'nack':
          return `nack ${effect.reason}`;
        case 'stale':
          return 'stale';
      }
      break;
    case 'end':
      return `end ${effect.error.code}`;
  }
  return effect satisfies never;
}
