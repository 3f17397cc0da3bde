import { LoadProcess } from '../load/load-process.ts';
import type { Scenario } from '../scenario.ts';
import { AgentServer } from '../servers/agent-server.ts';
import { BOTH_NAMES } from './storm.ts';

const CONNECTIONS = 1_000;
const IDENTITIES = 50;
const SETTLE_MS = 5_000;
const FULL_MS = 60_000;
const QUICK_MS = 10_000;

/** Streams are open, nothing happens. */
export const idleStreams: Scenario = {
  name: 'idle-streams',
  async run(context) {
    await using agent = await AgentServer.start(context);
    await using load = new LoadProcess(context);
    const streams = CONNECTIONS * BOTH_NAMES.length;
    const durationMs = context.options.quick ? QUICK_MS : FULL_MS;
    context.say(`idle: ${streams} open streams, ${durationMs / 1000} s`);
    const tokens = await agent.mintTokens(IDENTITIES);
    const common = { socketPath: agent.socketPath, resourceNames: BOTH_NAMES, atOnce: 64 };
    await load.open({ ...common, group: 'idle', connections: CONNECTIONS, tokens });
    await context.pause(SETTLE_MS);

    const startedMs = performance.now();
    const before = agent.usage();
    await context.pause(durationMs);
    const cpuMs = agent.usage().cpuMs - before.cpuMs;
    const elapsedMs = performance.now() - startedMs;
    return [
      {
        work: `idle agent, ${streams} open streams, ${durationMs / 1000} s`,
        value: (100 * cpuMs) / elapsedMs,
        unit: '% of a core',
        limit: 0.5,
        details: [
          `${cpuMs.toFixed(1)} ms of CPU in ${(elapsedMs / 1000).toFixed(1)} s, ` +
            `begun ${SETTLE_MS / 1000} s after the last stream was served.`,
        ],
      },
    ];
  },
};
