import type { CaProvider, DerCertificates, SignRequest } from '../../core/ca-provider.ts';
import type { Clock } from '../../core/clock.ts';
import { Redacted } from '../../core/redacted.ts';
import { type Certificate, sameBytes, sameCertificates } from '../../keys/certificate.ts';
import { toPem } from '../../keys/pem.ts';
import { throwIfAborted } from '../../runtime/or-aborted.ts';
import { Changes } from '../changes.ts';
import { parseIssuers, toAnchors, toChain } from './issuer-path.ts';
import { toRefusal } from './refusals.ts';
import { parsePemChain, parseSignedAnswer } from './signed-answer.ts';
import { type VaultAnswer, VaultClient } from './vault-client.ts';
import { type VaultLogin, VaultLogins } from './vault-logins.ts';
import type { VaultOptions } from './vault-options.ts';

/**
 * Vault's PKI engine, and OpenBao's: each workload logs in with its own token and has its request signed with what it
 * got for that. The names in the certificate are those of the request, so it is Vault's role that has to tie them to
 * the token; the issuer refuses whatever else comes back.
 */
export class VaultProvider implements CaProvider {
  readonly name = 'VaultCA';
  readonly #client: VaultClient;
  readonly #logins: VaultLogins;
  readonly #options: VaultOptions;
  readonly #anchorChanges = new Changes();
  /** What the mount says of itself, and what came with the last certificate: roles may have another issuer. */
  #ofMount: readonly Certificate[] = [];
  #ofAnswer: readonly Certificate[] = [];

  constructor(options: VaultOptions, clock: Clock) {
    this.#options = options;
    this.#client = new VaultClient(options);
    this.#logins = new VaultLogins(this.#client, options, clock);
  }

  async sign(request: SignRequest, signal: AbortSignal): Promise<DerCertificates> {
    throwIfAborted(signal);
    const answer = await this.#signAsCaller(request, signal);
    if (answer.status !== 200) throw toRefusal('sign', answer);
    const { leaf, issuers } = parseSignedAnswer(answer.text);
    const before = this.#anchors();
    this.#ofAnswer = parseIssuers(issuers);
    if (!sameCertificates(before, this.#anchors())) this.#anchorChanges.notify();
    return toChain(leaf, this.#issuers());
  }

  async roots(signal: AbortSignal): Promise<DerCertificates> {
    const chain = await this.#read(this.#options.caChainPath, signal);
    // Before Vault 1.11 the chain of a root's mount is empty.
    this.#ofMount = parseIssuers(chain.length > 0 ? chain : await this.#read(this.#options.caPemPath, signal));
    return this.#anchors();
  }

  watchRoots(signal: AbortSignal): AsyncIterable<DerCertificates> {
    return this.#anchorChanges.watch(() => this.#anchors(), signal);
  }

  /** A login that was made earlier may have been revoked since: then the caller logs in again, once. */
  async #signAsCaller(request: SignRequest, signal: AbortSignal): Promise<VaultAnswer> {
    const { token: caller } = request;
    const login = await this.#logins.loginOf(caller, signal);
    const answer = await this.#askToSign(request, login, signal);
    if (answer.status !== 403) return answer;
    this.#logins.forget(caller, login);
    if (login.fresh) return answer;
    const second = await this.#logins.loginOf(caller, signal);
    const secondAnswer = await this.#askToSign(request, second, signal);
    if (secondAnswer.status === 403) this.#logins.forget(caller, second);
    return secondAnswer;
  }

  #askToSign(
    { csr, ttlMs, token: behalf }: SignRequest,
    { token }: VaultLogin,
    signal: AbortSignal,
  ): Promise<VaultAnswer> {
    const body = {
      format: 'pem',
      csr: new Redacted(toPem('CERTIFICATE REQUEST', csr)),
      ttl: `${Math.max(1, Math.floor(ttlMs / 1000))}s`,
      exclude_cn_from_sans: true,
    };
    return this.#client.ask({ method: 'PUT', path: this.#options.signCsrPath, token, behalf, body }, signal);
  }

  /** Read without a token: whom to trust is no secret, and peers have to know it before anybody logs in. */
  async #read(path: string, signal: AbortSignal): Promise<DerCertificates> {
    const answer = await this.#client.ask({ method: 'GET', path }, signal);
    if (answer.status !== 200 && answer.status !== 204) throw toRefusal('chain', answer);
    return parsePemChain(answer.text);
  }

  #issuers(): readonly Certificate[] {
    const others = this.#ofMount.filter(({ der }) => !this.#ofAnswer.some((known) => sameBytes(known.der, der)));
    return [...this.#ofAnswer, ...others];
  }

  #anchors(): DerCertificates {
    return toAnchors(this.#issuers());
  }
}
