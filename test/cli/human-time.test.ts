import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHumanDuration, toHumanExpiry, toHumanTime } from '../../src/cli/human-time.ts';
import { days, hours, minutes, seconds } from '../fakes/fake-clock.ts';

test('a length of time is told in the unit that still says something', () => {
  const table: [number, string][] = [
    [0, '0s'],
    [999, '0s'],
    [seconds(45), '45s'],
    [seconds(119), '119s'],
    [minutes(2), '2m'],
    [minutes(11.9), '11m'],
    [minutes(119), '119m'],
    [hours(2), '2h'],
    [hours(47), '47h'],
    [days(2), '2d'],
    [days(3650), '3650d'],
    [-minutes(5), '5m'],
  ];
  for (const [ms, text] of table) assert.equal(toHumanDuration(ms), text);
});

test('a point in time is told from now', () => {
  assert.equal(toHumanTime(minutes(11), 0), 'in 11m');
  assert.equal(toHumanTime(0, hours(3)), '3h ago');
  assert.equal(toHumanTime(500, 0), 'now');
  assert.equal(toHumanTime(0, 999), 'now');
});

test('an expiry tells what is over', () => {
  assert.equal(toHumanExpiry(minutes(11), 0), 'in 11m');
  assert.equal(toHumanExpiry(0, minutes(2)), 'expired 2m ago');
  assert.equal(toHumanExpiry(5, 5), 'expired 0s ago');
});
