import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { AgentError } from '../../../src/core/agent-error.ts';
import { CitadelWorld, newRequest, TLS } from './citadel-world.ts';

const MAIN = fileURLToPath(new URL('../../fakes/citadel-ca-main.js', import.meta.url));

test('a CA whose process is killed under load and started again signs again, and no call hangs', {
  timeout: 120_000,
}, async (t) => {
  await using world = await CitadelWorld.start();
  const files = [join(world.directory, 'tls.crt'), join(world.directory, 'tls.key')] as const;
  const { cert, key } = await TLS;
  await writeFile(files[0], cert);
  await writeFile(files[1], key);
  const first = await startCa(t, '127.0.0.1:0', files);
  const provider = await world.load({ CA_ADDR: first.address });

  const outcomes: string[] = [];
  const stop = new AbortController();
  const callers = Array.from({ length: 4 }, async () => {
    while (!stop.signal.aborted) {
      const outcome = await provider.sign(await newRequest(), AbortSignal.timeout(10_000)).then(
        () => 'signed',
        (error: AgentError) => error.code,
      );
      outcomes.push(outcome);
    }
  });
  const until = async (outcome: string): Promise<void> => {
    const from = outcomes.length;
    while (!outcomes.slice(from).includes(outcome)) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  try {
    for (let round = 0, child = first.child; round < 3; round++) {
      await until('signed');
      child.kill('SIGKILL');
      await until('ca-unavailable');
      ({ child } = await startCa(t, first.address, files));
    }
    await until('signed');
  } finally {
    stop.abort();
    await Promise.all(callers);
  }
  assert.deepEqual([...new Set(outcomes)].sort(), ['ca-unavailable', 'signed']);
  // A CA in memory has a new root each time.
  assert.equal((await provider.roots(new AbortController().signal)).length, 4);
});

async function startCa(t: TestContext, address: string, files: readonly string[]) {
  const child: ChildProcess = spawn(process.execPath, [MAIN, address, ...files], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  assert.ok(child.stdout);
  const [listening] = await once(child.stdout, 'data');
  return { child, address: String(listening).trim() };
}
