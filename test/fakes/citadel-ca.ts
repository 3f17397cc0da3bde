import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import type { Clock } from '../../src/core/clock.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { type SpiffeId, serviceAccountId } from '../../src/core/spiffe-id.ts';
import {
  IstioCertificateRequest,
  IstioCertificateResponse,
  IstioCertificateServiceDefinition,
} from '../../src/gen/istio/ca.ts';
import { createCsr } from '../../src/keys/csr.ts';
import { createKeyPair } from '../../src/keys/key-pair.ts';
import { parsePem, toPem } from '../../src/keys/pem.ts';
import { systemClock } from '../../src/runtime/system-clock.ts';
import type { CaFault, CaFaults } from '../contracts/ca-under-test.ts';
import { hours } from './fake-clock.ts';
import { MemoryCa } from './memory-ca.ts';
import { readWorkloadToken } from './workload-tokens.ts';

const { fullName, methods } = IstioCertificateServiceDefinition;
const bytes = (message: Uint8Array): Buffer => Buffer.from(message);

/** Answers are bytes, so that wrong ones can be given. */
const SERVICE: ServiceDefinition = {
  createCertificate: {
    path: `/${fullName}/${methods.createCertificate.name}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: (message) => IstioCertificateRequest.decode(message),
    responseSerialize: bytes,
    responseDeserialize: bytes,
  },
};

type Call = ServerUnaryCall<IstioCertificateRequest, Uint8Array>;

/** A status that the CA ends calls with. */
export interface CaStatus {
  readonly code: status;
  readonly details: string;
  readonly metadata?: Metadata;
}

export interface CitadelCaOptions {
  /** `host:port`, port 0 being any free one, or `unix:/path`. */
  readonly address?: string;
  /** Left out: plain text. */
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly clock?: Clock;
  /** Whose token it is; undefined: nobody's. Left out: tokens are those of `workloadToken`. */
  readonly identify?: (token: string, nowMs: number) => SpiffeId | undefined;
}

/** What the CA was sent. */
export interface ReceivedRequest extends IstioCertificateRequest {
  readonly metadata: Metadata;
  /** The client's end of the connection. */
  readonly peer: string;
}

/** A server that speaks Istio's CA API and really signs, with a CA in memory. It takes the identity from the token. */
export class CitadelCa implements CaFaults, AsyncDisposable {
  readonly ca: MemoryCa;
  readonly requests: ReceivedRequest[] = [];
  /** Changes the elements of a good answer. */
  changeElements: (elements: readonly string[]) => readonly string[] = (elements) => elements;
  /** Ends every call like this. */
  failure: CaStatus | undefined;
  readonly #options: CitadelCaOptions;
  readonly #clock: Clock;
  readonly #unanswered = new Set<Call>();
  #server: Server | undefined;
  #address: string;
  #fault: CaFault | undefined;

  private constructor(options: CitadelCaOptions, ca: MemoryCa, clock: Clock) {
    this.#options = options;
    this.#address = options.address ?? '127.0.0.1:0';
    this.ca = ca;
    this.#clock = clock;
  }

  static async start(options: CitadelCaOptions = {}): Promise<CitadelCa> {
    const { clock = systemClock } = options;
    const server = new CitadelCa(options, await MemoryCa.create(clock), clock);
    await server.listen();
    return server;
  }

  /** As in `CA_ADDR`. */
  get address(): string {
    return this.#address;
  }

  /** Listens, after `stop` at the same address. */
  async listen(tls = this.#options.tls): Promise<void> {
    const server = new Server();
    server.addService(SERVICE, { createCertificate: this.#answer });
    const pair = tls && { cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) };
    const credentials = pair ? ServerCredentials.createSsl(null, [pair]) : ServerCredentials.createInsecure();
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(this.#address, credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
    });
    this.#address = this.#address.replace(/:0$/, `:${port}`);
    this.#server = server;
  }

  /** Nobody listens any more, and every connection is cut. */
  stop(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
  }

  async set(fault: CaFault | undefined): Promise<void> {
    if (fault === 'down') this.stop();
    else if (this.#server === undefined) await this.listen();
    this.#fault = fault;
  }

  openRequests(): number {
    return this.#unanswered.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
  }

  readonly #answer = async (call: Call, send: sendUnaryData<Uint8Array>): Promise<void> => {
    this.#unanswered.add(call);
    call.once('cancelled', () => this.#unanswered.delete(call));
    this.requests.push({ ...call.request, metadata: call.metadata, peer: call.getPeer() });
    if (this.#fault === 'hangs') return;
    const answer = await this.#sign(call).catch((error: Error) => {
      return {
        code: status.INVALID_ARGUMENT,
        details: `CSR ${call.request.csr} of ${tokenOf(call)}: ${error.message}`,
      };
    });
    this.#unanswered.delete(call);
    if (answer instanceof Uint8Array) send(null, answer);
    else send(answer);
  };

  async #sign(call: Call): Promise<Uint8Array | CaStatus> {
    if (this.failure !== undefined) return this.failure;
    if (this.#fault === 'garbage') return Buffer.from('\xff\xff\xff no answer of this API', 'latin1');
    if (this.#fault === 'empty chain') return encode([]);
    const token = tokenOf(call);
    const { identify = readWorkloadToken } = this.#options;
    const id = identify(token, this.#clock.now());
    // A rude server: it repeats what it was sent.
    if (id === undefined) return { code: status.UNAUTHENTICATED, details: `token ${token} is not good` };
    const [csr = new Uint8Array()] = parsePem(call.request.csr, 'CERTIFICATE REQUEST');
    return encode(this.changeElements(await this.#issue(id, csr, call.request.validityDuration * 1000)));
  }

  async #issue(id: SpiffeId, csr: Uint8Array, ttlMs: number): Promise<string[]> {
    const { ca } = this;
    const isForSomebodyElse = this.#fault === "somebody else's certificate";
    const who = isForSomebodyElse ? serviceAccountId('cluster.local', 'other', 'workload') : id;
    const key = isForSomebodyElse ? await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' }) : undefined;
    ca.notBeforeOffsetMs = this.#fault === 'expired certificate' ? -hours(48) : 0;
    const request = { id: who, csr: key ? createCsr(key, who) : csr, ttlMs, token: new Redacted('') };
    const chain = await ca.sign(request, new AbortController().signal);
    return [...chain, ca.rootDer].map((der) => toPem('CERTIFICATE', der));
  }
}

function tokenOf({ metadata }: Call): string {
  return String(metadata.get('authorization')).replace(/^Bearer /, '');
}

function encode(certChain: readonly string[]): Uint8Array {
  return IstioCertificateResponse.encode({ certChain: [...certChain] }).finish();
}
