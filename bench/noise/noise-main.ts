import type { NoiseOrder } from './noise-order.ts';
import { beNoisy } from './noisy-envoy.ts';
import { visit } from './quiet-envoy.ts';

/** The noise process: hears one order over IPC. What goes wrong ends it, which its owner notices. */
process.on('message', async (order: NoiseOrder) => {
  process.send?.(order.role === 'quiet' ? { answer: 'visited', latenciesMs: await visit(order) } : beNoisy(order));
});
process.on('disconnect', () => process.exit());
