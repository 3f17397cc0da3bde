import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChannelCredentials, Client, Metadata } from '@grpc/grpc-js';
import { type CaEndpoint, CaServer, type RootConfigMap } from '../src/ca-server.ts';
import { loadSettings } from '../src/config/load-settings.ts';
import type { Clock } from '../src/core/clock.ts';
import type { LogFields } from '../src/core/log.ts';
import { type SpiffeId, serviceAccountId } from '../src/core/spiffe-id.ts';
import { IstioCertificateRequest, IstioCertificateResponse } from '../src/gen/istio/ca.ts';
import { loadDevelopmentIssuer } from '../src/identity/development-issuer.ts';
import { createCsr } from '../src/keys/csr.ts';
import { createKeyPair, type KeyPair } from '../src/keys/key-pair.ts';
import { parsePem, toPem } from '../src/keys/pem.ts';
import { systemClock } from '../src/runtime/system-clock.ts';
import { hours } from './fakes/fake-clock.ts';
import { RecordingLog } from './fakes/recording-log.ts';

export const CREATE_CERTIFICATE = '/istio.v1.auth.IstioCertificateService/CreateCertificate';
export const WEB = serviceAccountId('cluster.local', 'shop', 'web');

const asIs = (bytes: Buffer): Buffer => bytes;

export interface CaWorldOptions {
  /** Settings besides the places, which are a temporary directory's. */
  readonly env?: Readonly<Record<string, string>>;
  readonly endpoint?: CaEndpoint;
  readonly maxTtlMs?: number;
  readonly clock?: Clock;
  readonly rootConfigMap?: RootConfigMap;
  /** Is given the temporary directory before anything starts. */
  readonly prepare?: (directory: string) => Promise<Pick<CaWorldOptions, 'endpoint' | 'env'>>;
}

/** What a client asks, and what may be wrong with it. */
export interface Asked {
  readonly metadata?: Readonly<Record<string, string>>;
  readonly csr?: string;
  readonly seconds?: number;
}

/** A whole CA server in this process, on a free port of loopback, with its files in a temporary directory. */
export class CaWorld implements AsyncDisposable {
  readonly directory: string;
  readonly server: CaServer;
  readonly log: RecordingLog;
  readonly #clients: Client[] = [];
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  private constructor(directory: string, server: CaServer, log: RecordingLog, clock: Clock) {
    this.directory = directory;
    this.server = server;
    this.log = log;
    this.#clock = clock;
    this.#running = server.run(this.#stop.signal);
    // Whoever waits for it hears of it; nobody may.
    this.#running.catch(() => undefined);
  }

  static async start(options: CaWorldOptions = {}): Promise<CaWorld> {
    const directory = await mkdtemp(join(tmpdir(), 'sds-ca-'));
    const {
      clock = systemClock,
      maxTtlMs = hours(24),
      env,
      endpoint,
      rootConfigMap,
    } = { ...options, ...(await options.prepare?.(directory)) };
    const settings = loadSettings({
      STATE_DIR: join(directory, 'state'),
      MONITORING_ADDRESS: '127.0.0.1',
      MONITORING_PORT: '0',
      ...env,
    });
    const log = new RecordingLog();
    const tls: CaEndpoint = {
      ...{ kind: 'tls', host: '127.0.0.1', port: 0 },
      certificate: { names: [{ kind: 'dns', value: 'localhost' }] },
    };
    const rootFile = join(directory, 'root.pem');
    const adminSocket = join(directory, 'admin', 'ca.sock');
    const server = await CaServer.load({
      ...{ settings, endpoint: endpoint ?? tls, rootFile, rootConfigMap, maxTtlMs, adminSocket, clock, log },
      version: '0.0.0-test',
    });
    const world = new CaWorld(directory, server, log, clock);
    await world.until(() => world.log.events.some(({ message }) => message === 'the CA serves'));
    return world;
  }

  /** For servers that must not start: one that does is stopped, so that a test which expects an error fails and ends. */
  static async startAndStop(options: CaWorldOptions): Promise<void> {
    await using _world = await CaWorld.start(options);
  }

  get stateDir(): string {
    return join(this.directory, 'state');
  }

  /** Roots as agents are given them. */
  rootPem(): Promise<string> {
    return readFile(join(this.directory, 'root.pem'), 'utf8');
  }

  /** The port in the log line with this message. */
  port(message: 'the CA serves' | 'monitoring listens'): number {
    const { port } = this.logged(message);
    return Number(port);
  }

  async token(serviceAccount = 'web', { audience = 'istio-ca', ttlMs = hours(1) } = {}): Promise<string> {
    const issuer = await this.issuer();
    const request = { namespace: 'shop', serviceAccount, pod: serviceAccount, audiences: [audience], ttlMs };
    return (await issuer.mint(request)).reveal();
  }

  issuer() {
    return loadDevelopmentIssuer({ stateDir: this.stateDir, trustDomain: 'cluster.local', clock: this.#clock });
  }

  /** A client on a connection of its own. */
  async connect(pem?: string): Promise<Client> {
    const roots = Buffer.from(pem ?? (await this.rootPem()));
    const target = `localhost:${this.port('the CA serves')}`;
    // Without it clients of one process share their connections.
    const client = new Client(target, ChannelCredentials.createSsl(roots), { 'grpc.use_local_subchannel_pool': 1 });
    this.#clients.push(client);
    return client;
  }

  /** Asks for a certificate with a new key, for the names in the CSR that are given. */
  async ask(
    client: Client,
    asked: Asked = {},
    csrName: SpiffeId = WEB,
  ): Promise<{ chain: string[]; keyPair: KeyPair }> {
    const keyPair = await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' });
    const csr = asked.csr ?? toPem('CERTIFICATE REQUEST', createCsr(keyPair, csrName));
    const request = IstioCertificateRequest.encode({ csr, validityDuration: asked.seconds ?? 3600 }).finish();
    const metadata = asked.metadata ?? { authorization: `Bearer ${await this.token()}` };
    const answer = await unary(client, CREATE_CERTIFICATE, Buffer.from(request), metadata);
    return { chain: IstioCertificateResponse.decode(answer).certChain, keyPair };
  }

  /** The fields of the only event with this message. */
  logged(message: string): LogFields {
    const [event, ...more] = this.log.events.filter((one) => one.message === message);
    if (event === undefined || more.length > 0) throw new Error(`${more.length + 1} events, or none: ${message}`);
    return event.fields;
  }

  /** Resolves once something is true; fails after ten seconds. */
  async until(isTrue: () => boolean, meanwhile = (): Promise<void> => Promise.resolve()): Promise<void> {
    const giveUpMs = performance.now() + 10_000;
    while (!isTrue()) {
      if (performance.now() > giveUpMs)
        throw new Error(`waited in vain; log: ${JSON.stringify(this.log.events.slice(-5))}`);
      await meanwhile();
      await Promise.race([new Promise((resolve) => setTimeout(resolve, 5)), this.#running]);
    }
  }

  /** Asks the server to stop, as SIGTERM does. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.stop();
    await rm(this.directory, { recursive: true });
  }
}

/** One call; rejects with grpc-js's error, which has `code` and `details`. */
export function unary(
  client: Client,
  path: string,
  message: Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<Buffer> {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + 20_000 };
    client.makeUnaryRequest(path, asIs, asIs, message, metadata, options, (error, answer) =>
      error === null && answer !== undefined ? resolve(answer) : reject(error),
    );
  });
}

/** The certificates of a chain's elements, in DER: what is signed, and the roots in the last element. */
export function splitChain(chain: readonly string[]): { signed: Uint8Array[]; roots: Uint8Array[] } {
  const ders = chain.map((element) => parsePem(element, 'CERTIFICATE'));
  return { signed: ders.slice(0, -1).flat(), roots: ders.at(-1) ?? [] };
}
