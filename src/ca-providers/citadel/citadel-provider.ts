import type { Metadata } from '@grpc/grpc-js';
import type { CaProvider, DerCertificates, SignRequest } from '../../core/ca-provider.ts';
import type { Clock } from '../../core/clock.ts';
import type { SpiffeId } from '../../core/spiffe-id.ts';
import { readPublicKey } from '../../keys/csr.ts';
import { toPem } from '../../keys/pem.ts';
import { verifyIssuance } from '../../keys/verify-issuance.ts';
import { throwIfAborted } from '../../runtime/or-aborted.ts';
import { Changes } from '../changes.ts';
import { Secrets, withoutSecrets } from '../without-secrets.ts';
import { withToken } from './call-metadata.ts';
import type { ReplaceableConnection } from './replaceable-connection.ts';
import { isFailedCall, toStatusError } from './status-error.ts';
import { ToldRoots } from './told-roots.ts';
import { type CaAnswer, decodeAnswer, encodeRequest } from './wire.ts';

/**
 * A CA behind Istio's CA API: istiod, cert-manager's istio-csr, or whatever else speaks it. The identity of a
 * certificate comes from the workload's token. Roots come with certificates and in no other way, so none are known
 * before the first one.
 */
export class CitadelProvider implements CaProvider {
  readonly name = 'Citadel';
  readonly #connections: ReplaceableConnection;
  readonly #metadata: Metadata;
  /** Secrets as well: some CAs want a password there. */
  readonly #headers: Secrets;
  readonly #told: ToldRoots;
  readonly #rootChanges = new Changes();
  readonly #clock: Clock;

  /** @param metadata what every call carries */
  constructor(connections: ReplaceableConnection, metadata: Metadata, clock: Clock) {
    this.#connections = connections;
    this.#metadata = metadata;
    this.#headers = new Secrets(...Object.values(metadata.getMap()));
    this.#clock = clock;
    this.#told = new ToldRoots(clock);
  }

  async sign({ id, csr, ttlMs, token }: SignRequest, signal: AbortSignal): Promise<DerCertificates> {
    throwIfAborted(signal);
    const csrPem = toPem('CERTIFICATE REQUEST', csr);
    const request = encodeRequest(csrPem, ttlMs);
    const metadata = withToken(this.#metadata, token);
    try {
      const bytes = await this.#connections.use(signal, (ca) => ca.createCertificate(request, metadata, signal));
      const answer = decodeAnswer(bytes);
      // Roots of an answer that the issuer will refuse are not believed either: it may be anybody's.
      if (this.#isGood(answer, id, csr) && this.#told.learn(answer)) this.#rootChanges.notify();
      return answer.chain;
    } catch (thrown) {
      throw this.#toError(thrown, new Secrets(token.reveal(), csr));
    }
  }

  /** Also asks whether the CA can be reached, so that what is remembered of it does not look like health. */
  async roots(signal: AbortSignal): Promise<DerCertificates> {
    throwIfAborted(signal);
    try {
      await this.#connections.use(signal, (ca) => ca.reach(signal));
    } catch (thrown) {
      throw this.#toError(thrown);
    }
    return this.#told.current();
  }

  watchRoots(signal: AbortSignal): AsyncIterable<DerCertificates> {
    return this.#rootChanges.watch(() => this.#told.current(), signal);
  }

  /** Whether the certificate is the one asked for, and leads to the roots that came with it. */
  #isGood({ chain, roots }: CaAnswer, spiffeId: SpiffeId, csr: Uint8Array): boolean {
    try {
      const publicKeyDer = readPublicKey(csr);
      verifyIssuance({ chain, roots, spiffeId, publicKeyDer, nowMs: this.#clock.now(), aheadMs: Infinity });
      return true;
    } catch {
      return false;
    }
  }

  #toError(thrown: unknown, ...secrets: readonly Secrets[]): unknown {
    return isFailedCall(thrown) ? toStatusError(thrown, withoutSecrets([...secrets, this.#headers])) : thrown;
  }
}
