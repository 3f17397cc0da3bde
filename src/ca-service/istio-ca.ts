import { AgentError, toAgentError } from '../core/agent-error.ts';
import type { CaProvider } from '../core/ca-provider.ts';
import { toIsoTime } from '../core/calendar.ts';
import type { Caller } from '../core/caller.ts';
import type { Log } from '../core/log.ts';
import type { Authenticator, Call, GrpcMethods, ReceiveMessage } from '../core/rpc.ts';
import {
  IstioCertificateRequest,
  IstioCertificateResponse,
  IstioCertificateServiceDefinition,
} from '../gen/istio/ca.ts';
import { parseCertificate } from '../keys/certificate.ts';
import { parsePem, toPem, toPemBundle } from '../keys/pem.ts';

/** The full name of Istio's CA API. */
export const ISTIO_CA_SERVICE = IstioCertificateServiceDefinition.fullName;

/** A signature takes a millisecond, so this is a quarter of a second's work; who waits longer than that is better told. */
const MOST_IN_FLIGHT = 256;

export interface IstioCaOptions {
  readonly authenticator: Authenticator<Caller>;
  readonly ca: CaProvider;
  /** The lifetime of what is signed for somebody who asks for none. */
  readonly ttlMs: number;
  /** The longest that is given, whatever is asked for. */
  readonly maxTtlMs: number;
  readonly log: Log;
  /** Is told of each call that ends without a certificate. */
  readonly onRefused: (call: Call, error: AgentError) => void;
}

/**
 * Istio's CA API in front of a CA (istio.io/api, security/v1alpha1/ca.proto). Who calls is known by the token alone,
 * and gets a certificate for that identity; a CSR's names and the request's metadata count for nothing.
 */
export function istioCaMethods(options: IstioCaOptions): GrpcMethods {
  const service = new IstioCa(options);
  const { createCertificate } = IstioCertificateServiceDefinition.methods;
  return new Map([
    [
      `/${ISTIO_CA_SERVICE}/${createCertificate.name}`,
      { kind: 'unary', handle: (call, receive) => service.createCertificate(call, receive) },
    ],
  ]);
}

class IstioCa {
  readonly #options: IstioCaOptions;
  #inFlight = 0;

  constructor(options: IstioCaOptions) {
    this.#options = options;
  }

  /** Nothing of the request is read before its caller is known. */
  async createCertificate(call: Call, receive: ReceiveMessage): Promise<Uint8Array> {
    try {
      const caller = await this.#bounded(() => this.#options.authenticator.authenticate(call));
      // Meanwhile it takes no place: a caller may be slow, or never send it.
      const message = await receive();
      return await this.#bounded(() => this.#issue(call, caller, message));
    } catch (thrown) {
      const error = toCallersError(toAgentError(thrown));
      this.#options.onRefused(call, error);
      throw error;
    }
  }

  async #bounded<T>(work: () => Promise<T>): Promise<T> {
    if (this.#inFlight >= MOST_IN_FLIGHT) throw new AgentError('limit-exceeded', 'the CA is busy: ask a little later');
    this.#inFlight++;
    try {
      return await work();
    } finally {
      this.#inFlight--;
    }
  }

  async #issue(call: Call, { identity, token }: Caller, message: Buffer): Promise<Uint8Array> {
    const { ca, ttlMs, maxTtlMs, log } = this.#options;
    const { csr, askedMs } = parseRequest(message);
    const lifeMs = Math.min(askedMs > 0 ? askedMs : ttlMs, maxTtlMs);
    const chain = await ca.sign({ id: identity.spiffeId, csr, ttlMs: lifeMs, token }, call.signal);
    // After it was signed: so the root of the chain is among them, also while roots change.
    const roots = await ca.roots(call.signal);
    const [leaf] = chain;
    if (leaf === undefined) throw new AgentError('ca-answer-invalid', `${ca.name} answered without a certificate`);
    const { serial, notAfterMs } = parseCertificate(leaf);
    const { spiffeId } = identity;
    const { peerAddress, peer } = call;
    log.info('a certificate was issued', {
      ...{ spiffeId, serial, notAfter: toIsoTime(notAfterMs) },
      ...(peerAddress !== undefined && { peer: peerAddress }),
      ...(peer && { pid: peer.pid, uid: peer.uid }),
    });
    const certChain = [...chain.map((der) => toPem('CERTIFICATE', der)), toPemBundle('CERTIFICATE', roots)];
    return IstioCertificateResponse.encode({ certChain }).finish();
  }
}

function parseRequest(message: Buffer): { readonly csr: Uint8Array; readonly askedMs: number } {
  try {
    const { csr, validityDuration } = IstioCertificateRequest.decode(message);
    const [der, ...more] = parsePem(csr, 'CERTIFICATE REQUEST');
    if (der !== undefined && more.length === 0) return { csr: der, askedMs: validityDuration * 1000 };
  } catch (cause) {
    throw new AgentError('request-invalid', 'the message is not a certificate request of Istio with a CSR in PEM', {
      cause,
    });
  }
  throw new AgentError('request-invalid', 'the message has more than one CSR: send one');
}

/** The embedded CA refuses what is wrong with the CSR: that is the caller's to mend, as it is for istiod's. */
function toCallersError(error: AgentError): AgentError {
  if (error.code !== 'ca-request-refused') return error;
  return new AgentError('request-invalid', error.message, { cause: error });
}
