import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import type { NoiseKind, NoiseOrder } from '../../bench/noise/noise-order.ts';
import { eventually } from '../../demo/processes/eventually.ts';
import { parseSpiffeId } from '../../src/core/spiffe-id.ts';
import { AgentWorld } from '../agent-world.ts';
import { Neighbour } from './neighbour.ts';
import { readMetrics } from './read-metrics.ts';

const MAIN = new URL('../../bench/noise/noise-main.js', import.meta.url);
const LINUX_ONLY = process.platform === 'linux' ? false : 'the kernel does not tell who connects';
const RATE = 20;
const BURST = 50;
const VISITS = 25;

/** A pod that is out of order, which is a process of its own. */
async function makeNoise(kind: NoiseKind, socketPath: string, token: string): Promise<Disposable> {
  const child = fork(MAIN, { execArgv: [] });
  const order: NoiseOrder = { role: 'noisy', kind, socketPath, token, connections: 4, streams: 100 };
  child.send(order);
  await once(child, 'message');
  return { [Symbol.dispose]: () => void child.kill('SIGKILL') };
}

for (const kind of ['new streams', 'messages'] as const) {
  test(`a pod that makes noise with ${kind} is held to its limits, and its neighbour is served`, {
    skip: LINUX_ONLY,
    timeout: 120_000,
  }, async () => {
    await using world = await AgentWorld.start({
      env: { MAX_NEW_STREAMS_PER_SECOND: String(RATE), MAX_NEW_STREAMS_BURST: String(BURST) },
    });
    const spiffeId = parseSpiffeId('spiffe://cluster.local/ns/shop/sa/web');
    await using neighbour = await Neighbour.moveIn({
      socket: world.socket,
      token: await world.token('web'),
      rotate: () => world.agent.rotate({ spiffeId }, AbortSignal.timeout(10_000)),
    });
    const startedMs = performance.now();
    using _noise = await makeNoise(kind, world.socket, await world.token('noisy'));
    const refusals = 'sds_agent_limit_refusals_total{limit="new_streams"}';
    const metrics = () => readMetrics(world.port('monitoring listens'));
    // Whether any of its streams is served before its connections are closed on it is luck on a busy machine.
    await eventually('it is refused', async () => (await metrics())(refusals) > 0);
    // Each visit is a rotation and a new stream; the neighbour has the same limits as the noisy one.
    for (let visit = 0; visit < VISITS; visit++) await neighbour.isServed();
    const most = BURST + (RATE * (performance.now() - startedMs)) / 1000;
    const served = (await metrics())('sds_agent_first_secret_seconds_count');
    assert.ok(served <= 2 * most, `${served} streams were served`);
  });
}
