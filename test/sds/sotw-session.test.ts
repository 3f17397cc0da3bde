import { test } from 'node:test';
import { playTranscript, SOTW } from './transcript.ts';

const TRANSCRIPTS: Readonly<Record<string, string>> = {
  'the first request is answered': `
    have default=1
    hear default
    -> subscribe default, say default=1 #1
  `,
  'an ACK is not answered': `
    have default=1
    hear default
    -> subscribe default, say default=1 #1
    hear default #1
    -> ack default=1
  `,
  'an ACK that is sent twice counts once': `
    have default=1
    hear default
    -> subscribe default, say default=1 #1
    hear default #1
    -> ack default=1
    hear default #1
  `,
  'a change is pushed once': `
    have default=1
    hear default
    -> subscribe default, say default=1 #1
    hear default #1
    -> ack default=1
    have default=2
    -> say default=2 #2
    have default=2
    hear default #2
    -> ack default=2
  `,
  'what changes before the ACK waits for it, and the newest wins': `
    have default=1
    hear default
    -> subscribe default, say default=1 #1
    have default=2
    have default=3
    hear default #1
    -> ack default=1, say default=3 #2
    hear default #2
    -> ack default=3
  `,
  'what changes back before the ACK is not said again': `
    have default=1
    hear default
    -> subscribe default, say default=1 #1
    have default=2
    have default=1
    hear default #1
    -> ack default=1
  `,
  'a NACK holds the secret until its content changes': `
    have default=1
    hear default
    -> subscribe default, say default=1 #1
    hear default #1 !bad key
    -> nack bad key
    have default=1
    hear default #1 !bad key
    -> nack bad key
    have default=2
    -> say default=2 #2
  `,
  'a NACK of what has changed meanwhile is answered with the change': `
    have default=1
    hear default
    -> subscribe default, say default=1 #1
    have default=2
    hear default #1 !bad key
    -> nack bad key, say default=2 #2
  `,
  'a nonce that is not the last one is ignored, with the names beside it': `
    have default=1 ROOTCA=7
    hear default
    -> subscribe default, say default=1 #1
    hear default #1
    -> ack default=1
    have default=2
    -> say default=2 #2
    hear default ROOTCA #1
    -> stale
    hear default ROOTCA #2
    -> ack default=2, subscribe ROOTCA, say default=2 ROOTCA=7 #3
  `,
  'the first request is answered, though it carries the nonce of another stream': `
    have default=1
    hear default #41
    -> subscribe default, say default=1 #1
    hear default #1
    -> ack default=1
  `,
  'before the first response every request counts, and none is an ACK or a NACK': `
    hear default #41 !bad key
    -> subscribe default
    hear default ROOTCA #42
    -> subscribe ROOTCA
    have default=1
    -> say default=1 #1
  `,
  'a nonce from another stream is ignored after the first response': `
    have default=1
    hear default
    -> subscribe default, say default=1 #1
    hear default ROOTCA #41
    -> stale
  `,
  'a secret that is not there yet is answered with silence until it is': `
    hear default
    -> subscribe default
    have default=1
    -> say default=1 #1
  `,
  'what is there does not wait for what is not': `
    have ROOTCA=7
    hear default ROOTCA
    -> subscribe default, subscribe ROOTCA, say ROOTCA=7 #1
    have default=1
    hear default ROOTCA #1
    -> ack ROOTCA=7, say default=1 ROOTCA=7 #2
  `,
  'an unknown name is answered with silence, the others are served': `
    have default=1
    hear default nonsense
    -> subscribe default, subscribe nonsense, say default=1 #1
    hear default nonsense #1
    -> ack default=1
  `,
  'several names are answered together, and again together when one changes': `
    have default=1 ROOTCA=7
    hear default ROOTCA
    -> subscribe default, subscribe ROOTCA, say default=1 ROOTCA=7 #1
    hear default ROOTCA #1
    -> ack default=1 ROOTCA=7
    have default=2
    -> say default=2 ROOTCA=7 #2
  `,
  'a name that is added is answered': `
    have default=1 ROOTCA=7
    hear default
    -> subscribe default, say default=1 #1
    hear default ROOTCA #1
    -> ack default=1, subscribe ROOTCA, say default=1 ROOTCA=7 #2
  `,
  'a name that is dropped is not pushed any more': `
    have default=1 ROOTCA=7
    hear default ROOTCA
    -> subscribe default, subscribe ROOTCA, say default=1 ROOTCA=7 #1
    hear ROOTCA #1
    -> ack default=1 ROOTCA=7, unsubscribe default
    have default=2
    have ROOTCA=8
    -> say ROOTCA=8 #2
  `,
  'a name that is dropped and taken again is said again': `
    have default=1
    hear default
    -> subscribe default, say default=1 #1
    hear #1
    -> ack default=1, unsubscribe default
    hear default #1
    -> subscribe default, say default=1 #2
  `,
  'no names after some means unsubscribed, in silence': `
    have default=1
    hear default
    -> subscribe default, say default=1 #1
    hear #1
    -> ack default=1, unsubscribe default
    have default=2
    hear #1
  `,
  'no names at first means nothing': `
    have default=1
    hear
    have default=2
  `,
  'a request without a nonce, before the first answer is acknowledged, only changes the names': `
    have default=1 ROOTCA=7
    hear default
    -> subscribe default, say default=1 #1
    hear default ROOTCA
    -> subscribe ROOTCA
    hear default ROOTCA #1
    -> ack default=1, say default=1 ROOTCA=7 #2
  `,
  'the same name twice is one name': `
    have default=1
    hear default default
    -> subscribe default, say default=1 #1
  `,
  'a secret that expires before it could be said is not said': `
    have default=1
    hear default
    -> subscribe default, say default=1 #1
    have default=2
    have default=
    hear default #1
    -> ack default=1
    have default=3
    -> say default=3 #2
  `,
  'a secret that expires is not withdrawn, and its successor is said': `
    have default=1
    hear default
    -> subscribe default, say default=1 #1
    hear default #1
    -> ack default=1
    have default=
    have default=2
    -> say default=2 #2
  `,
  'a thousand names are served, one more ends the stream': `
    hear ${Array.from({ length: 1001 }, (_, index) => `n${index}`).join(' ')}
    -> end limit-exceeded
  `,
  'a name that is too long ends the stream': `
    hear ${'x'.repeat(2049)}
    -> end limit-exceeded
  `,
};

for (const [name, transcript] of Object.entries(TRANSCRIPTS)) {
  test(`state of the world: ${name}`, () => playTranscript(SOTW, transcript));
}
