import { median } from '../maths/median.ts';
import { createBareWork } from './bare-work.ts';
import { createCertificateWork } from './certificate-work.ts';
import { createEchoWork } from './echo-work.ts';
import type { IssuanceCost, IssuanceOrder } from './issuance-order.ts';

const WORKS = { certificates: createCertificateWork, bare: createBareWork, echoes: createEchoWork };

/** The client's process: hears one order over IPC. What goes wrong ends it, which its owner notices. */
process.once('message', async (order: IssuanceOrder) => process.send?.(await execute(order)));
process.once('disconnect', () => process.exit());

async function execute(order: IssuanceOrder): Promise<IssuanceCost> {
  const { warmUp, times } = order;
  const work = await WORKS[order.work](order);
  for (let index = 0; index < warmUp; index++) await work(index);
  const elapsedMs: number[] = [];
  const before = process.cpuUsage();
  for (let index = warmUp; index < warmUp + times; index++) {
    const startedAtMs = performance.now();
    await work(index);
    elapsedMs.push(performance.now() - startedAtMs);
  }
  const { user, system } = process.cpuUsage(before);
  return { cpuMs: (user + system) / 1000 / times, elapsedMs: median(elapsedMs) };
}
