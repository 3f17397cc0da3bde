import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderMetadata } from '../../src/transport/header-metadata.ts';

const metadata = new HeaderMetadata(['authorization', 'one', 'Authorization', 'two', 'x-bin', 'AAEC', 'x', 'y']);

test('all values of a name are there, in order, whatever the case they were sent in', () => {
  assert.deepEqual(metadata.getAll('authorization'), ['one', 'two']);
});

test('binary values stay encoded', () => assert.deepEqual(metadata.getAll('x-bin'), ['AAEC']));

test('a name that was not sent has no values, also when it looks like a value', () => {
  assert.deepEqual(metadata.getAll('y'), []);
  assert.deepEqual(metadata.getAll('one'), []);
});
