import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AGENT_LAUNCHER } from '../../demo/processes/agent-process.ts';
import { runToEnd } from '../../demo/processes/run-to-end.ts';

test('a reader that goes before everything is said, as in `status | head`, is no fault', async () => {
  const pipe = '("$1" --help; echo "status $?" >&2) | :';
  const { stderr } = await runToEnd('/bin/sh', ['-c', pipe, 'sh', AGENT_LAUNCHER]);
  assert.equal(stderr, 'status 0\n');
});
