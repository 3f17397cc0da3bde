import assert from 'node:assert/strict';
import { GrpcClient } from '../../src/transport/grpc-client.ts';
import { SecretStream } from '../agent-world.ts';

export interface NeighbourOptions {
  readonly socket: string;
  readonly token: string;
  /** Has its certificate renewed; resolves when that is published. */
  readonly rotate: () => Promise<unknown>;
}

/** An Envoy that behaves, on a connection of its own. Whatever others do, it must be served as before. */
export class Neighbour implements AsyncDisposable {
  readonly #client: GrpcClient;
  readonly #stream: SecretStream;
  readonly #options: NeighbourOptions;
  #version: string;

  private constructor(client: GrpcClient, stream: SecretStream, options: NeighbourOptions, version: string) {
    this.#client = client;
    this.#stream = stream;
    this.#options = options;
    this.#version = version;
  }

  static async moveIn(options: NeighbourOptions): Promise<Neighbour> {
    const client = await GrpcClient.connect(options.socket);
    const stream = new SecretStream(client, options.token, ['default']);
    return new Neighbour(client, stream, options, (await stream.next()).versionInfo);
  }

  /** A rotation is pushed to the stream that was open before, once, and a new stream is answered. */
  async isServed(): Promise<void> {
    await this.#options.rotate();
    const { versionInfo } = await this.#stream.next();
    assert.notEqual(versionInfo, this.#version);
    this.#version = versionInfo;
    const another = new SecretStream(this.#client, this.#options.token, ['default']);
    assert.equal((await another.next()).versionInfo, versionInfo);
    another.call.cancel();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
  }
}
