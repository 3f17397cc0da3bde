import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventually } from '../../demo/processes/eventually.ts';
import { parseSpiffeId } from '../../src/core/spiffe-id.ts';
import type { GrpcClient } from '../../src/transport/grpc-client.ts';
import type { GrpcClientStream } from '../../src/transport/grpc-client-stream.ts';
import { AgentWorld } from '../agent-world.ts';
import { Neighbour } from './neighbour.ts';
import { PROTOCOLS, type Protocol } from './protocols.ts';
import { readMetrics } from './read-metrics.ts';

const MANY = 10_000;
const PATIENCE = { timeout: 30_000 };
const HOSTILE = parseSpiffeId('spiffe://cluster.local/ns/shop/sa/hostile');

/** Names, and how many of them each request asks for. */
const NAMES = Array.from({ length: MANY }, (_, index) => `name-${index}`);
const PORTIONS = { 'in one request': MANY, 'a few at a time': 400 };

/** What stands in the field `node`; undefined: the field is not there. */
const INCOMPLETE_NODES: Readonly<Record<string, Buffer | undefined>> = {
  'no node': undefined,
  'an empty node': Buffer.from(''),
  'a node without an id': Buffer.from('\x12\x03web'),
  'a node without a cluster': Buffer.from('\x0a\x03web'),
  'a node with an empty id': Buffer.from('\x0a\x00\x12\x03web'),
  'a node of nothing but an extension': Buffer.from('\x4a\x05\x0a\x03ext'),
  'a node whose id is not text': Buffer.from('\x0a\x02\xff\xfe', 'latin1'),
};

const BROKEN_NODES: Readonly<Record<string, Buffer>> = {
  'is longer than the request': Buffer.from('\x40\x0a\x03web'),
  'ends within its id': Buffer.from('\x03\x0a\x09w'),
  'ends within the length of its id': Buffer.from('\x02\x0a\xff', 'latin1'),
};

for (const [name, protocol] of Object.entries(PROTOCOLS)) {
  describe(`a hostile peer, ${name},`, () => {
    for (const [how, portion] of Object.entries(PORTIONS)) {
      it(`that asks for ${MANY} names ${how} loses its stream, and nobody else notices`, PATIENCE, async () => {
        await using siege = await Siege.begin();
        const stream = siege.open(protocol);
        for (let from = 0; from < MANY; from += portion) {
          stream.send(
            protocol.ask(name === 'delta' ? NAMES.slice(from, from + portion) : NAMES.slice(0, from + portion)),
          );
        }
        assert.equal((await stream.outcome).status, 'RESOURCE_EXHAUSTED');
        await siege.isOver();
        assert.deepEqual(siege.world.agent.status().pending, []);
        assert.equal(siege.lines('a caller was refused'), 1);
      });
    }

    for (const [what, node] of Object.entries(INCOMPLETE_NODES)) {
      it(`that sends ${what} is served like any other`, PATIENCE, async () => {
        await using siege = await Siege.begin();
        const stream = siege.open(protocol);
        const field = node === undefined ? [] : [tagOfNode(protocol), Buffer.from([node.length]), node];
        stream.send(Buffer.concat([...field, protocol.ask(['default'])]));
        await stream.next();
        assert.equal((await siege.servedSecrets()).length, 2);
        stream.cancel();
        await siege.isOver();
      });
    }

    for (const [what, rest] of Object.entries(BROKEN_NODES)) {
      it(`whose node ${what} loses its stream, and nobody else notices`, PATIENCE, async () => {
        await using siege = await Siege.begin();
        const stream = siege.open(protocol);
        stream.send(Buffer.concat([tagOfNode(protocol), rest]));
        assert.equal((await stream.outcome).status, 'INVALID_ARGUMENT');
        await siege.isOver();
      });
    }

    it(
      `that rejects each response ${MANY} times is told nothing more, with one line in the log for each`,
      PATIENCE,
      async () => {
        await using siege = await Siege.begin();
        const stream = siege.open(protocol);
        stream.send(protocol.ask(['default']));
        const versions: string[] = [];
        for (let responses = 1; responses <= 2; responses++) {
          // Whatever came besides would be here, in place of the certificate of the rotation.
          const { nonce, version } = await stream.next();
          versions.push(version);
          for (let times = 0; times < MANY; times++) {
            stream.send(protocol.ask(['default'], { nonce, rejection: `bad for the time ${times}` }));
          }
          await eventually('every rejection is counted', async () => (await siege.rejections()) === responses * MANY);
          assert.equal(siege.lines('envoy rejected a secret; it is held back until it changes'), responses);
          await siege.neighbour.isServed();
          await siege.world.agent.rotate({ spiffeId: HOSTILE }, AbortSignal.timeout(10_000));
        }
        versions.push((await stream.next()).version);
        assert.equal(new Set(versions).size, 3);
        stream.cancel();
        await siege.isOver();
      },
    );
  });
}

/** An agent with a neighbour who behaves, and a connection of somebody who does not. */
class Siege implements AsyncDisposable {
  readonly world: AgentWorld;
  readonly neighbour: Neighbour;
  readonly #client: GrpcClient;
  readonly #token: string;

  private constructor(world: AgentWorld, neighbour: Neighbour, client: GrpcClient, token: string) {
    this.world = world;
    this.neighbour = neighbour;
    this.#client = client;
    this.#token = token;
  }

  static async begin(): Promise<Siege> {
    const world = await AgentWorld.start();
    const spiffeId = parseSpiffeId('spiffe://cluster.local/ns/shop/sa/web');
    const neighbour = await Neighbour.moveIn({
      socket: world.socket,
      token: await world.token('web'),
      rotate: () => world.agent.rotate({ spiffeId }, AbortSignal.timeout(10_000)),
    });
    return new Siege(world, neighbour, await world.connect(), await world.token('hostile'));
  }

  open(protocol: Protocol): HostileStream {
    return new HostileStream(protocol, this.#client.stream(protocol.path, { authorization: this.#token }));
  }

  /** What the agent tells that it has served, and to whom. */
  async servedSecrets(): Promise<readonly unknown[]> {
    const port = this.world.port('the status page listens');
    const answer = await fetch(`http://127.0.0.1:${port}/debug/sds/workload`);
    const { clients }: { clients: unknown[] } = JSON.parse(await answer.text());
    return clients;
  }

  /** How many events with this message are in the log. */
  lines(message: string): number {
    return this.world.log.events.filter((event) => event.message === message).length;
  }

  async rejections(): Promise<number> {
    const metrics = await readMetrics(this.world.port('monitoring listens'));
    return metrics('sds_agent_acks_total{result="nack"}');
  }

  /** The neighbour is served as before, and its stream is the only one left. */
  async isOver(): Promise<void> {
    await this.neighbour.isServed();
    await this.world.until(() => this.world.agent.status().streams === 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
    await this.neighbour[Symbol.asyncDispose]();
    await this.world[Symbol.asyncDispose]();
  }
}

/** A stream of which nothing is acknowledged by itself. */
class HostileStream {
  readonly #protocol: Protocol;
  readonly #call: GrpcClientStream;
  readonly #messages: AsyncIterator<Buffer>;

  constructor(protocol: Protocol, call: GrpcClientStream) {
    this.#protocol = protocol;
    this.#call = call;
    this.#messages = call[Symbol.asyncIterator]();
  }

  get outcome(): GrpcClientStream['outcome'] {
    return this.#call.outcome;
  }

  send(request: Uint8Array): void {
    this.#call.send(request);
  }

  async next(): Promise<ReturnType<Protocol['read']>> {
    const { value } = await this.#messages.next();
    assert.ok(value, 'the stream has ended');
    return this.#protocol.read(value);
  }

  cancel(): void {
    this.#call.cancel();
  }
}

/** Begins a field that has a length. */
function tagOfNode({ nodeField }: Protocol): Buffer {
  return Buffer.from([(nodeField << 3) | 2]);
}
