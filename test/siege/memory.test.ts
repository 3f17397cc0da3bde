import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { test } from 'node:test';
import { AgentProcess } from '../../demo/processes/agent-process.ts';
import { eventually } from '../../demo/processes/eventually.ts';
import { frameMessage } from '../../src/transport/frame-message.ts';
import { GrpcClient } from '../../src/transport/grpc-client.ts';
import type { GrpcClientStream } from '../../src/transport/grpc-client-stream.ts';
import { headersOf, RawHttp2, RawPeer } from '../transport/raw-peer.ts';
import { Neighbour } from './neighbour.ts';
import { PROTOCOLS } from './protocols.ts';
import { readMetrics } from './read-metrics.ts';

const MANY = 10_000;
const MIB = 1024 * 1024;

/** Ten thousand of anything that is kept take more. */
const HEAP_GROWTH_BYTES = 4 * MIB;
/** Here the kernel and malloc have a say. */
const RESIDENT_GROWTH_BYTES = 32 * MIB;

/** Has V8 collect everything that can be collected again and again, so that what is left is what is held. */
const COLLECTOR = `
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
setFlagsFromString('--expose-gc');
setInterval(runInNewContext('gc'), 250).unref();
`;

/** Of the first requests on a connection; then nghttp2 takes more cancelled streams for an attack and ends it. */
const STREAMS_PER_CONNECTION = 500;

/** Who attacks: where, as whom. */
interface Attacker {
  readonly socket: string;
  readonly token: string;
}

type Attack = (attacker: Attacker, times: number) => Promise<void>;

const { ask, path, read } = PROTOCOLS['state of the world'];
const NAMES = Array.from({ length: MANY }, (_, index) => `name-${index}`);

const ATTACKS: Readonly<Record<string, Attack>> = {
  'open and cancel streams': async ({ socket, token }, times) => {
    for (let opened = 0; opened < times; opened += STREAMS_PER_CONNECTION) {
      await using client = await GrpcClient.connect(socket);
      const streams = Array.from({ length: STREAMS_PER_CONNECTION }, () =>
        client.stream(path, { authorization: token }),
      );
      for (const stream of streams) stream.send(ask(['default', 'ROOTCA', 'nonsense']));
      await Promise.all(streams.map(firstMessage));
      for (const stream of streams) stream.cancel();
    }
  },

  'reject what they get': async ({ socket, token }, times) => {
    await using client = await GrpcClient.connect(socket);
    const stream = client.stream(path, { authorization: token });
    stream.send(ask(['default']));
    const { nonce } = read(await firstMessage(stream));
    for (let time = 0; time < times; time++)
      stream.send(ask(['default'], { nonce, rejection: `for the time ${time}` }));
    // Too many names: an answer that comes after all of that has been read.
    stream.send(ask(NAMES));
    assert.equal((await stream.outcome).status, 'RESOURCE_EXHAUSTED');
  },

  'ask for too much': async ({ socket, token }, times) => {
    await using client = await GrpcClient.connect(socket);
    for (let asked = 0; asked < times; asked += NAMES.length / 10) {
      const stream = client.stream(path, { authorization: token });
      stream.send(ask(NAMES));
      assert.equal((await stream.outcome).status, 'RESOURCE_EXHAUSTED');
    }
  },

  'have no token': async ({ socket }, times) => {
    await using client = await GrpcClient.connect(socket);
    for (let asked = 0; asked < times; asked += 10) {
      const stream = client.stream(path, { authorization: `no.token.${asked}` });
      assert.equal((await stream.outcome).status, 'UNAUTHENTICATED');
    }
  },

  'never read': async ({ socket, token }, times) => {
    for (let opened = 0; opened < times; opened += STREAMS_PER_CONNECTION) {
      using peer = new RawHttp2(socket);
      const streams = Array.from({ length: STREAMS_PER_CONNECTION }, () => peer.open(path, { authorization: token }));
      for (const stream of streams) stream.write(frameMessage(ask(['default'])));
      // They are answered, but the answers are more than the connection takes until they are read.
      await Promise.all(streams.map(headersOf));
    }
  },

  'begin something and go, or speak something else': async ({ socket }, times) => {
    for (let connected = 0; connected < times; connected += 20) {
      for (const words of [
        'PRI * HTTP/2.0\r\n',
        'POST /v3/discovery:secrets HTTP/1.1\r\n',
        '\x16\x03\x01',
        'garbage',
      ]) {
        using peer = await RawPeer.connect(socket);
        peer.say(words);
        await peer.taken();
      }
    }
  },
};

test('what hostile peers have used comes back: memory, descriptors, streams', { timeout: 180_000 }, async (t) => {
  await using agent = await BesiegedAgent.start();
  // What V8 compiles and what libraries keep is there once everything has been done.
  for (const attack of Object.values(ATTACKS)) await attack(agent, STREAMS_PER_CONNECTION);
  const before = await agent.usageAtRest();

  for (const [what, attack] of Object.entries(ATTACKS)) {
    await attack(agent, MANY);
    await agent.neighbour.isServed();
    t.diagnostic(`the neighbour of ${MANY} who ${what} is served`);
  }

  const after = await agent.usageAtRest();
  t.diagnostic(`heap ${inMib(before.heapBytes)} and then ${inMib(after.heapBytes)}`);
  t.diagnostic(`resident ${inMib(before.residentBytes)} and then ${inMib(after.residentBytes)}`);
  assert.ok(after.heapBytes - before.heapBytes < HEAP_GROWTH_BYTES, 'the heap comes back');
  assert.ok(after.residentBytes - before.residentBytes < RESIDENT_GROWTH_BYTES, 'the memory of libraries comes back');
  assert.ok(after.descriptors <= before.descriptors, `${after.descriptors} descriptors of ${before.descriptors}`);
});

function inMib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}

async function firstMessage(stream: GrpcClientStream): Promise<Buffer> {
  const { value } = await stream[Symbol.asyncIterator]().next();
  assert.ok(value, 'the stream has ended');
  return value;
}

interface Usage {
  readonly heapBytes: number;
  readonly residentBytes: number;
  readonly descriptors: number;
}

/** An agent as a process of its own, with a neighbour who behaves. */
class BesiegedAgent implements AsyncDisposable {
  readonly socket: string;
  readonly token: string;
  readonly neighbour: Neighbour;
  readonly #folder: string;
  readonly #agent: AgentProcess;
  readonly #monitoringPort: number;

  static async start(): Promise<BesiegedAgent> {
    const folder = mkdtempSync('/tmp/sds-siege-');
    const options = `--import=data:text/javascript,${encodeURIComponent(COLLECTOR)}`;
    // All of them are to be let in: what is refused uses little.
    const unlimited = { MAX_NEW_STREAMS_PER_SECOND: '1000000', MAX_NEW_STREAMS_BURST: '1000000' };
    const agent = new AgentProcess(folder, { NODE_OPTIONS: options, ...unlimited });
    await agent.start();
    const tokenOf = async (serviceAccount: string): Promise<string> =>
      readFileSync(await agent.mintToken({ namespace: 'shop', serviceAccount }), 'utf8');
    const neighbour = await Neighbour.moveIn({
      socket: agent.socketPath,
      token: await tokenOf('web'),
      rotate: () => agent.command('rotate', '--identity', 'spiffe://cluster.local/ns/shop/sa/web'),
    });
    return new BesiegedAgent(
      folder,
      agent,
      neighbour,
      await tokenOf('hostile'),
      await agent.portOf('monitoring listens'),
    );
  }

  private constructor(
    folder: string,
    agent: AgentProcess,
    neighbour: Neighbour,
    token: string,
    monitoringPort: number,
  ) {
    this.socket = agent.socketPath;
    this.token = token;
    this.neighbour = neighbour;
    this.#folder = folder;
    this.#agent = agent;
    this.#monitoringPort = monitoringPort;
  }

  /** What the agent holds when nobody but the neighbour is there and V8 has collected what can be collected. */
  async usageAtRest(): Promise<Usage> {
    const isAlone = async (): Promise<boolean> => {
      const metrics = await this.#metrics();
      return metrics('sds_agent_connections') === 1 && metrics('sds_agent_streams') === 1;
    };
    await eventually('only the neighbour is left', isAlone);
    const collections = async (): Promise<number> =>
      (await this.#metrics())('nodejs_gc_duration_seconds_count{kind="major"}');
    const collected = await collections();
    // What one collection finds to be dead may be freed by the next.
    await eventually('V8 has collected', async () => (await collections()) >= collected + 3);
    const metrics = await this.#metrics();
    return {
      heapBytes: metrics('nodejs_heap_size_used_bytes') + metrics('nodejs_external_memory_bytes'),
      residentBytes: metrics('process_resident_memory_bytes'),
      descriptors: metrics('process_open_fds'),
    };
  }

  #metrics(): ReturnType<typeof readMetrics> {
    return readMetrics(this.#monitoringPort);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.neighbour[Symbol.asyncDispose]();
    await this.#agent.stop();
    rmSync(this.#folder, { recursive: true });
  }
}
