import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { toPaper } from '../src/cli/paper.ts';
import { createDemoCa } from './authorities/create-demo-ca.ts';
import { DEMO_HELP, type DemoOptions, parseDemoOptions } from './demo-options.ts';
import { type DemoView, formatLine, formatSummary, formatView, rotationsOf } from './demo-view.ts';
import { interruption } from './interruption.ts';
import { Mesh } from './mesh.ts';
import { Screen } from './screen.ts';
import { WatchedSidecar } from './watched-sidecar.ts';

const LOOK_EVERY_MS = 500;
const LINE_EVERY_MS = 5_000;

/** Gives the path of a program that the demo runs, fetched where it is missing. */
export type EnsureBinary = (name: 'envoy' | 'openbao') => Promise<string>;

/** Runs the demo; resolves to the exit status. */
export async function runDemo(argv: readonly string[], ensureBinary: EnsureBinary): Promise<number> {
  const options = parseDemoOptions(argv);
  if (options === undefined) {
    process.stdout.write(DEMO_HELP);
    return 0;
  }
  const binaries = {
    envoy: await ensureBinary('envoy'),
    openBao: options.ca === 'vault' ? await ensureBinary('openbao') : undefined,
  };
  const interrupted = interruption();
  // Short, because a socket's path has 107 bytes at most.
  const folder = mkdtempSync('/tmp/sds-demo-');
  try {
    const last = await watch(options, folder, binaries, interrupted);
    process.stdout.write(`${formatSummary(last)}\n`);
    for (const failure of last.load.failures) process.stdout.write(`  ${failure}\n`);
    if (options.keep !== undefined) keepReadable(folder, options.keep);
    rmSync(folder, { recursive: true, force: true });
    const nothingHappened = rotationsOf(last) === 0 && !interrupted.aborted;
    return last.load.failed > 0 || nothingHappened ? 1 : 0;
  } catch (error) {
    say(`what the agent and the Envoys logged is in ${folder}`);
    throw error;
  }
}

/** Starts everything, shows it until the end, ends everything; gives the last look at it. */
async function watch(
  options: DemoOptions,
  folder: string,
  binaries: { readonly envoy: string; readonly openBao: string | undefined },
  interrupted: AbortSignal,
): Promise<DemoView> {
  await using ca = createDemoCa(options.ca, folder, binaries.openBao);
  say(`starting the agent: ${ca.summary}; certificates for ${options.ttl}`);
  await using mesh = new Mesh(folder, { SECRET_TTL: options.ttl, ...(await ca.start()) });
  await mesh.agent.start();
  say('starting two Envoys: google_grpc, token file, `default` and `ROOTCA`, exact SPIFFE IDs both ways');
  const sidecars = (await mesh.startSidecars(binaries.envoy)).map((envoy) => new WatchedSidecar(envoy));
  const page = `http://127.0.0.1:${await mesh.agent.portOf('the status page listens')}/`;
  say(`both are live; the agent's status page is ${page}`);

  const load = mesh.startLoad();
  const startedMs = performance.now();
  const look = async (): Promise<DemoView> => ({
    elapsedMs: performance.now() - startedMs,
    nowMs: Date.now(),
    sidecars: await Promise.all(sidecars.map((sidecar) => sidecar.look())),
    load: load.count,
    page,
  });
  const show = createDisplay();
  const ended = (view: DemoView): boolean => interrupted.aborted || view.elapsedMs >= (options.forMs ?? Infinity);

  for (let view = await look(); ; view = await look()) {
    mesh.agent.assertRunning();
    show(view);
    if (ended(view)) break;
    await sleep(LOOK_EVERY_MS, undefined, { signal: interrupted }).catch(() => {});
  }
  await load.stop();
  // Awaited here: without it everything would be ended while it looks.
  return await look();
}

/** A table that is drawn in place on a terminal; now and then a line where nobody looks. */
function createDisplay(): (view: DemoView) => void {
  const paper = toPaper({ env: process.env, stdout: process.stdout });
  if (paper.columns !== undefined) {
    const screen = new Screen(process.stdout);
    return (view) => screen.draw(formatView(view, paper));
  }
  let nextMs = 0;
  return (view) => {
    if (view.elapsedMs < nextMs) return;
    nextMs = view.elapsedMs + LINE_EVERY_MS;
    process.stdout.write(`${formatLine(view)}\n`);
  };
}

/** Copies what a person may look at: no key, no token, no socket. */
function keepReadable(folder: string, target: string): void {
  const isReadable = (path: string): boolean => path === folder || /\.(json|log)$/.test(path);
  cpSync(folder, target, { recursive: true, filter: isReadable });
  say(`configurations and logs are in ${target}`);
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
