import { LoadClient } from './load-client.ts';
import type { LoadOrder } from './load-order.ts';

/** The load process: hears orders over IPC. What goes wrong ends it, which its owner notices. */
const client = new LoadClient();
process.on('message', async (order: LoadOrder) => {
  const answer = await client.execute(order);
  process.send?.(answer);
});
process.on('disconnect', () => process.exit());
