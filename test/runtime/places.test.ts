import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Places } from '../../src/runtime/places.ts';

test('each holder has so many places and no more, and one that is given back can be taken again, once', () => {
  const places = new Places<string>(2);
  const first = places.take('a');
  const second = places.take('a');
  assert.ok(first && second);
  assert.equal(places.take('a'), undefined);
  assert.ok(places.take('b'));
  assert.equal(places.total, 3);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  assert.equal(places.total, 2);
  assert.ok(places.take('a'));
  assert.equal(places.take('a'), undefined);
});
