import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent } from '../src/agent.ts';
import type { LoadedCaProvider } from '../src/ca-providers/registry.ts';
import { loadSettings } from '../src/config/load-settings.ts';
import type { Log } from '../src/core/log.ts';
import type { PeerAttestor } from '../src/core/peer-attestor.ts';
import { DiscoveryRequest, DiscoveryResponse } from '../src/gen/xds/discovery.ts';
import { loadDevelopmentIssuer } from '../src/identity/development-issuer.ts';
import { systemClock } from '../src/runtime/system-clock.ts';
import { GrpcClient } from '../src/transport/grpc-client.ts';
import type { GrpcClientStream } from '../src/transport/grpc-client-stream.ts';
import { hours } from './fakes/fake-clock.ts';
import { RecordingLog } from './fakes/recording-log.ts';

export const STREAM_SECRETS = '/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets';
export const FETCH_SECRETS = '/envoy.service.secret.v3.SecretDiscoveryService/FetchSecrets';

export interface AgentWorldOptions {
  /** Settings besides the places, which are a temporary directory's. */
  readonly env?: Readonly<Record<string, string>>;
  /** More places in that directory, as settings. */
  readonly places?: (directory: string) => Readonly<Record<string, string>>;
  readonly ca?: LoadedCaProvider;
  readonly log?: Log;
  readonly attestor?: PeerAttestor;
}

/** A whole agent in this process, on sockets in a temporary directory. */
export class AgentWorld {
  readonly directory: string;
  readonly agent: Agent;
  readonly log: RecordingLog;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  private constructor(directory: string, agent: Agent, log: RecordingLog) {
    this.directory = directory;
    this.agent = agent;
    this.log = log;
    this.#running = agent.run(this.#stop.signal);
  }

  static async start({ env = {}, places, ca, attestor }: AgentWorldOptions = {}): Promise<AgentWorld> {
    const directory = await mkdtemp(join(tmpdir(), 'sds-agent-'));
    await mkdir(join(directory, 'sds'));
    const settings = loadSettings({
      STATE_DIR: join(directory, 'state'),
      SDS_UDS_PATH: join(directory, 'sds', 'uds_path'),
      ADMIN_SOCKET: join(directory, 'admin', 'admin.sock'),
      MONITORING_ADDRESS: '127.0.0.1',
      MONITORING_PORT: '0',
      DEBUG_PORT: '0',
      ...places?.(directory),
      ...env,
    });
    const log = new RecordingLog();
    const inPlaceOf = { ...(ca && { ca }), ...(attestor && { attestor }) };
    const agent = await Agent.load({ settings, clock: systemClock, log, version: '0.0.0-test', ...inPlaceOf });
    const world = new AgentWorld(directory, agent, log);
    await world.until(() => world.log.events.some(({ message }) => message === 'the agent serves secrets'));
    return world;
  }

  /** For agents that must not start: one that does is stopped, so that a test which expects an error fails and ends. */
  static async startAndStop(options: AgentWorldOptions): Promise<void> {
    await using _world = await AgentWorld.start(options);
  }

  get socket(): string {
    return join(this.directory, 'sds', 'uds_path');
  }

  get adminSocket(): string {
    return join(this.directory, 'admin', 'admin.sock');
  }

  /** The port in the log line with this message. */
  port(message: string): number {
    const { port } = this.log.events.find((event) => event.message === message)?.fields ?? {};
    return Number(port);
  }

  async token(serviceAccount = 'web', ttlMs = hours(1)): Promise<string> {
    const stateDir = join(this.directory, 'state');
    const issuer = await loadDevelopmentIssuer({ stateDir, trustDomain: 'cluster.local', clock: systemClock });
    const request = { namespace: 'shop', serviceAccount, pod: serviceAccount, audiences: ['istio-ca'], ttlMs };
    return (await issuer.mint(request)).reveal();
  }

  connect(): Promise<GrpcClient> {
    return GrpcClient.connect(this.socket);
  }

  /** Resolves once something is true; fails after ten seconds. */
  async until(isTrue: () => boolean): Promise<void> {
    const giveUpMs = performance.now() + 10_000;
    while (!isTrue()) {
      if (performance.now() > giveUpMs)
        throw new Error(`waited in vain; log: ${JSON.stringify(this.log.events.slice(-5))}`);
      await Promise.race([new Promise((resolve) => setTimeout(resolve, 5)), this.#running]);
    }
  }

  /** Asks the agent to stop, as SIGTERM does. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.directory, { recursive: true });
  }
}

export function encodeRequest(request: Partial<DiscoveryRequest>): Uint8Array {
  const whole = { versionInfo: '', node: undefined, resourceNames: [], typeUrl: '', responseNonce: '' };
  return DiscoveryRequest.encode({ ...whole, errorDetail: undefined, ...request }).finish();
}

/** A state-of-the-world stream, as an Envoy has it. */
export class SecretStream {
  readonly call: GrpcClientStream;
  readonly #messages: AsyncIterator<Buffer>;
  readonly #names: string[];
  #nonce = '';

  /** @param token undefined: it shows none */
  constructor(
    client: GrpcClient,
    token: string | undefined,
    names: string[],
    headers: Readonly<Record<string, string>> = {},
  ) {
    const credentials = token === undefined ? {} : { authorization: `Bearer ${token}` };
    this.call = client.stream(STREAM_SECRETS, { ...credentials, ...headers });
    this.#messages = this.call[Symbol.asyncIterator]();
    this.#names = names;
    this.call.send(encodeRequest({ resourceNames: names, node: { id: 'test', cluster: '' } }));
  }

  /** The next response, acknowledged. Rejects with how the call ended. */
  async next(): Promise<DiscoveryResponse> {
    const { value, done } = await this.#messages.next();
    if (done === true || value === undefined) throw new Error('the stream has ended');
    const response = DiscoveryResponse.decode(value);
    this.#nonce = response.nonce;
    this.call.send(
      encodeRequest({ resourceNames: this.#names, responseNonce: this.#nonce, versionInfo: response.versionInfo }),
    );
    return response;
  }
}
