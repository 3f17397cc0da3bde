import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { Secrets, withoutSecrets } from '../../src/ca-providers/without-secrets.ts';

const TOKEN = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJzb21lYm9keSJ9.c2lnbmF0dXJlLXdpdGhfYm90aA';
const BINARY = Uint8Array.from({ length: 90 }, (_, index) => (index * 151) & 0xff);
const clean = withoutSecrets([new Secrets('another secret', 'pass-w0rd', 'abc'), new Secrets(TOKEN, BINARY)]);
const base64 = (text: string): string => Buffer.from(text).toString('base64');

const TABLE: readonly { readonly text: string; readonly shown: string }[] = [
  { text: `bad token ${TOKEN}!`, shown: 'bad token [redacted]!' },
  { text: `bad token ${TOKEN.slice(0, 20)}…`, shown: 'bad token [redacted]…' },
  { text: `bad claims ${TOKEN.split('.')[1]}`, shown: 'bad claims [redacted]' },
  { text: `${TOKEN} and ${TOKEN}`, shown: '[redacted] and [redacted]' },
  { text: `at https://${TOKEN.slice(22).toLowerCase()}.example`, shown: 'at https:[redacted]' },
  { text: `header ${base64(`Bearer ${TOKEN}`)}`, shown: 'header [redacted]' },
  { text: `header ${base64(`a${TOKEN}`).replaceAll('+', '-').replaceAll('/', '_')}`, shown: 'header [redacted]' },
  { text: `bytes ${Buffer.from(TOKEN).toString('hex').toUpperCase()}`, shown: 'bytes [redacted]' },
  { text: `bytes ${inspect(Buffer.from(TOKEN))}`, shown: 'bytes <Buffer [redacted] ... 22 more bytes>' },
  { text: `request ${Buffer.from(BINARY).toString('base64url').slice(30, 60)}`, shown: 'request [redacted]' },
  { text: 'key=pass-w0rd, another secret', shown: 'key=[redacted], [redacted]' },
  { text: 'somebody elses eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.', shown: 'somebody elses [redacted]' },
  { text: 'eyJhbGciOiJ begins every token, abc any text', shown: 'eyJhbGciOiJ begins every token, abc any text' },
  { text: 'system:serviceaccount:shop:web is not allowed', shown: 'system:serviceaccount:shop:web is not allowed' },
  { text: '', shown: '' },
];

describe('the text of a CA', () => {
  for (const { text, shown } of TABLE) {
    test(`${JSON.stringify(text.slice(0, 60))} is shown as ${JSON.stringify(shown)}`, () => {
      assert.equal(clean(text), shown);
    });
  }

  test('is cut before it is looked through, however long it is', () => {
    assert.equal(clean('x'.repeat(100_000)).length, 4096);
  });

  test('never has sixteen characters of a secret in a row, wherever it was cut and whatever stands around it', () => {
    const cut = fc.tuple(fc.nat(TOKEN.length), fc.nat(TOKEN.length));
    fc.assert(
      fc.property(fc.string(), cut, fc.string(), (before, [from, to], after) => {
        const cleaned = clean(before + TOKEN.slice(from, to) + after);
        for (let at = 0; at + 16 <= TOKEN.length; at++) assert.ok(!cleaned.includes(TOKEN.slice(at, at + 16)));
      }),
    );
  });
});

test('secrets are not shown by inspect and JSON', () => {
  const secrets = new Secrets(TOKEN);
  secrets.has('x');
  assert.doesNotMatch(inspect(secrets, { showHidden: true, depth: 9 }) + JSON.stringify(secrets), /eyJ/);
});
