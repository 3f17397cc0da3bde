import { type Paper, paint } from '../src/cli/paper.ts';
import { type Column, formatTable } from '../src/cli/text-table.ts';
import type { LoadCount } from './processes/steady-load.ts';
import type { SidecarView } from './watched-sidecar.ts';

/** One look at everything. */
export interface DemoView {
  readonly elapsedMs: number;
  readonly nowMs: number;
  readonly sidecars: readonly SidecarView[];
  readonly load: LoadCount;
  /** The address of the agent's status page. */
  readonly page: string;
}

const COLUMNS: readonly Column[] = [
  { title: 'IDENTITY' },
  { title: 'SERIAL IN USE', whenNarrow: 1 },
  { title: 'TIME LEFT', right: true },
  { title: 'ROTATIONS', right: true },
];

const SHOWN_SERIAL_DIGITS = 16;

/** The table for a terminal. */
export function formatView(view: DemoView, paper: Paper): string[] {
  const rows = view.sidecars.map((sidecar) => [
    { text: sidecar.spiffeId },
    { text: sidecar.serial.slice(0, SHOWN_SERIAL_DIGITS) },
    { text: timeLeft(sidecar, view) },
    { text: String(sidecar.rotations) },
  ]);
  const { ok, failed } = view.load;
  return [
    ...formatTable(COLUMNS, rows, paper),
    '',
    `requests    ${paint(`${ok} ok`, 'good', paper)}, ${paint(`${failed} failed`, failed > 0 ? 'bad' : undefined, paper)}`,
    `handshakes  ${handshakesOf(view)}, one for each request`,
    `status      ${view.page}`,
    paint(`${seconds(view.elapsedMs)} so far; Ctrl-C ends everything`, 'quiet', paper),
  ];
}

/** The same in one line, for a log. */
export function formatLine(view: DemoView): string {
  const { ok, failed } = view.load;
  const sidecars = view.sidecars.map((sidecar) => {
    return `${sidecar.spiffeId} ${sidecar.serial.slice(0, 8)} ${timeLeft(sidecar, view)} left`;
  });
  const counts = `${rotationsOf(view)} rotations, ${ok} ok, ${failed} failed, ${handshakesOf(view)} handshakes`;
  return `${seconds(view.elapsedMs).padStart(5)}  ${counts}; ${sidecars.join('; ')}`;
}

/** The last line of the demo. */
export function formatSummary(view: DemoView): string {
  const { ok, failed } = view.load;
  return `demo: ${rotationsOf(view)} rotations, ${ok + failed} requests, ${failed} failed`;
}

/** How many certificates have been replaced, of both sidecars together. */
export function rotationsOf({ sidecars }: DemoView): number {
  return sidecars.reduce((sum, sidecar) => sum + sidecar.rotations, 0);
}

/** Each connection has two ends: what the server's Envoy counted is the number of connections. */
function handshakesOf({ sidecars }: DemoView): number {
  return Math.max(0, ...sidecars.map((sidecar) => sidecar.handshakes));
}

function timeLeft(sidecar: SidecarView, { nowMs }: DemoView): string {
  return seconds(Math.max(0, sidecar.expiresMs - nowMs));
}

function seconds(ms: number): string {
  return `${Math.floor(ms / 1000)}s`;
}
