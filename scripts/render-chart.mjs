import { text } from 'node:stream/consumers';
import { renderChart } from './deploy/helm-chart.mjs';
import { shout } from './ensure/progress.mjs';

/**
 * `node scripts/render-chart.mjs < orders.json`: what `renderChart` says, as JSON. It is how tests and people without
 * Helm render the chart; an order is `{"values": {…}, "namespace": "…"}`.
 */
try {
  process.stdout.write(JSON.stringify(await renderChart(JSON.parse(await text(process.stdin)))));
} catch (error) {
  shout([error.message]);
  process.exitCode = 1;
}
