import { type CallOptions, Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { IstioCertificateServiceDefinition } from '../../gen/istio/ca.ts';
import { orAborted, throwIfAborted } from '../../runtime/or-aborted.ts';
import { OwnedCredentials, type ServerCheck } from './owned-credentials.ts';

const { fullName, methods } = IstioCertificateServiceDefinition;
const CREATE_CERTIFICATE = `/${fullName}/${methods.createCertificate.name}`;

/** A chain of ten certificates with 4096-bit RSA keys has a fiftieth of that. */
const LARGEST_ANSWER = 1024 * 1024;

export interface CaConnectionOptions {
  /** The address as gRPC names it. */
  readonly target: string;
  /** Undefined: plain text. */
  readonly check: ServerCheck | undefined;
  /** The `:authority` of requests, where it is not the target's. */
  readonly authority: string | undefined;
}

/**
 * A connection to the CA, opened by the first call. A connection that was lost is opened again by the next call; one
 * that cannot be opened fails its calls at once, and is then to be thrown away: it would wait longer and longer
 * before the next try.
 */
export class CaConnection {
  readonly #client: Client;
  #calls = 0;
  #retired = false;

  constructor({ target, check, authority }: CaConnectionOptions) {
    this.#client = new Client(target, new OwnedCredentials(check), {
      ...(authority !== undefined && { 'grpc.default_authority': authority }),
      'grpc.max_receive_message_length': LARGEST_ANSWER,
      // Retries are the caller's, and what the agent does is in its settings alone.
      'grpc.enable_retries': 0,
      'grpc.enable_http_proxy': 0,
      'grpc.service_config_disable_resolution': 1,
      // A new connection must not be given the old one's socket or waiting time.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_channelz': 0,
    });
  }

  /**
   * Calls `CreateCertificate`, message in, message out.
   *
   * @throws ServiceError of grpc-js, or AgentError `ca-timeout` as soon as the signal aborts
   */
  createCertificate(request: Uint8Array, metadata: Metadata, signal: AbortSignal): Promise<Uint8Array> {
    return this.#call(request, metadata, {}, signal);
  }

  /** Resolves once the connection is there; nothing is sent. Throws as `createCertificate` does. */
  async reach(signal: AbortSignal): Promise<void> {
    let isReached = false;
    // A call asks for its credentials when it has a connection. It is broken off there.
    const breakOff = credentials.createFromMetadataGenerator((_call, give) => {
      isReached = true;
      give(new Error('only the connection was wanted'));
    });
    try {
      await this.#call(new Uint8Array(), new Metadata(), { credentials: breakOff }, signal);
    } catch (thrown) {
      if (!isReached || signal.aborted) throw thrown;
    }
  }

  /** Takes no further calls, and closes when those that run have ended. */
  retire(): void {
    this.#retired = true;
    this.#closeWhenDone();
  }

  async #call(request: Uint8Array, metadata: Metadata, options: CallOptions, signal: AbortSignal): Promise<Uint8Array> {
    throwIfAborted(signal);
    this.#calls++;
    let cancel = (): void => undefined;
    const answered = new Promise<Uint8Array>((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(
        CREATE_CERTIFICATE,
        (message: Uint8Array) => Buffer.from(message),
        (bytes) => bytes,
        request,
        metadata,
        options,
        (error: ServiceError | null, answer?: Uint8Array) => {
          this.#calls--;
          this.#closeWhenDone();
          if (answer === undefined) reject(error);
          else resolve(answer);
        },
      );
      cancel = () => call.cancel();
    });
    signal.addEventListener('abort', cancel, { once: true });
    try {
      return await orAborted(answered, signal);
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  #closeWhenDone(): void {
    if (this.#retired && this.#calls === 0) this.#client.close();
  }
}
