import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quoteForeignName } from '../../src/keys/quote-foreign-name.ts';

const SHOWN = [
  'spiffe://cluster.local/ns/shop/sa/web',
  'web-7d4b9c5f6d-x2v9q.shop.svc',
  '*.shop.svc',
  'ops@example.net',
  '10.0.0.7',
];
for (const name of SHOWN) {
  test(`${name} is quoted`, () => assert.equal(quoteForeignName(name), JSON.stringify(name)));
}

const TOKEN = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJzb21lYm9keSJ9.c2lnbmF0dXJl';
const HIDDEN = {
  'a token': TOKEN,
  'the beginning of one': `spiffe://cluster.local/ns/shop/sa/${TOKEN.slice(0, 14)}`,
  'one in hex': `spiffe://cluster.local/${Buffer.from(TOKEN).toString('hex').slice(0, 20)}`,
  'one in small letters': `spiffe://cluster.local/${TOKEN.replaceAll('.', '').toLowerCase().slice(0, 40)}`,
  'control characters': 'spiffe://x\n\u001b[31m',
};
for (const [what, name] of Object.entries(HIDDEN)) {
  test(`of ${what} only the length is told`, () =>
    assert.equal(quoteForeignName(name), `of ${name.length} characters`));
}
