import { test } from 'node:test';
import { DELTA, playTranscript } from './transcript.ts';

const TRANSCRIPTS: Readonly<Record<string, string>> = {
  'the first request is answered': `
    have default=1
    hear +default
    -> subscribe default, say default=1 #1
  `,
  'an ACK is not answered': `
    have default=1
    hear +default
    -> subscribe default, say default=1 #1
    hear #1
    -> ack default=1
  `,
  'a change is pushed once, and alone': `
    have default=1 ROOTCA=7
    hear +default +ROOTCA
    -> subscribe default, subscribe ROOTCA, say default=1 ROOTCA=7 #1
    hear #1
    -> ack default=1 ROOTCA=7
    have default=2
    -> say default=2 #2
    hear #2
    -> ack default=2
  `,
  'what changes before the ACK waits for it, and the newest wins': `
    have default=1
    hear +default
    -> subscribe default, say default=1 #1
    have default=2
    have default=3
    hear #1
    -> ack default=1, say default=3 #2
  `,
  'a NACK holds the secret until its content changes': `
    have default=1
    hear +default
    -> subscribe default, say default=1 #1
    hear #1 !bad key
    -> nack bad key
    have default=1
    have default=2
    -> say default=2 #2
  `,
  'a NACK of one secret does not hold the others': `
    have default=1 ROOTCA=7
    hear +default +ROOTCA
    -> subscribe default, subscribe ROOTCA, say default=1 ROOTCA=7 #1
    hear #1 !bad key
    -> nack bad key
    have ROOTCA=8
    -> say ROOTCA=8 #2
  `,
  'a subscription counts whatever nonce comes with it, an acknowledgement only with the last': `
    have default=1 ROOTCA=7
    hear +default
    -> subscribe default, say default=1 #1
    hear #1
    -> ack default=1
    have default=2
    -> say default=2 #2
    hear +ROOTCA #1
    -> stale, subscribe ROOTCA
    hear #2
    -> ack default=2, say ROOTCA=7 #3
  `,
  'an unknown name is answered with silence, never with a removal': `
    have default=1
    hear +default +nonsense
    -> subscribe default, subscribe nonsense, say default=1 #1
    hear #1
    -> ack default=1
    have nonsense=
  `,
  'a secret that is not there yet is said when it is': `
    hear +default
    -> subscribe default
    have default=1
    -> say default=1 #1
  `,
  'a name that is subscribed again is said again': `
    have default=1
    hear +default
    -> subscribe default, say default=1 #1
    hear #1
    -> ack default=1
    hear +default
    -> say default=1 #2
  `,
  'a name that is unsubscribed is not pushed any more': `
    have default=1 ROOTCA=7
    hear +default +ROOTCA
    -> subscribe default, subscribe ROOTCA, say default=1 ROOTCA=7 #1
    hear -default #1
    -> ack default=1 ROOTCA=7, unsubscribe default
    have default=2
    have ROOTCA=8
    -> say ROOTCA=8 #2
  `,
  'a name that is dropped and taken in one request is said again': `
    have default=1
    hear +default
    -> subscribe default, say default=1 #1
    hear #1
    -> ack default=1
    hear +default -default
    -> unsubscribe default, subscribe default, say default=1 #2
  `,
  'a name that nobody subscribed to can be unsubscribed': `
    hear -default
  `,
  'a secret that expires is not removed from the Envoy': `
    have default=1
    hear +default
    -> subscribe default, say default=1 #1
    hear #1
    -> ack default=1
    have default=
    have default=2
    -> say default=2 #2
  `,
  'names add up over requests, to a thousand at most': `
    hear ${Array.from({ length: 600 }, (_, index) => `+a${index}`).join(' ')}
    -> ${Array.from({ length: 600 }, (_, index) => `subscribe a${index}`).join(', ')}
    hear ${Array.from({ length: 600 }, (_, index) => `+b${index}`).join(' ')}
    -> end limit-exceeded
  `,
};

for (const [name, transcript] of Object.entries(TRANSCRIPTS)) {
  test(`delta: ${name}`, () => playTranscript(DELTA, transcript));
}
