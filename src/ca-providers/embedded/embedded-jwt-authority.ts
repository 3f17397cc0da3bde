import { CompactSign } from 'jose/jws/compact/sign';
import type { Clock } from '../../core/clock.ts';
import type { JwtAuthority, JwtBundle, JwtSvid, JwtSvidRequest, ValidatedJwtSvid } from '../../core/jwt-authority.ts';
import type { Log } from '../../core/log.ts';
import { Redacted } from '../../core/redacted.ts';
import { orAborted, throwIfAborted } from '../../runtime/or-aborted.ts';
import { createJwtKey, JWT_ALGORITHM, type JwtKey } from './jwt-key.ts';
import type { JwtKeyFile, JwtKeys } from './jwt-key-file.ts';
import { LONGEST_JWT_MS, nextKeyFrom, signingKey, stillNeeded } from './jwt-key-schedule.ts';
import { validateJwtSvid } from './validate-jwt-svid.ts';

/** How long another process's change of the file may go unseen, and how long one that cannot be used is left alone. */
const LOOK_AGAIN_MS = 1000;
const LOOK_AGAIN_BROKEN_MS = 60_000;
/** How often the bundle is looked at for those who only listen; a key is published a day before it is used. */
const WATCH_MS = 60_000;

export interface EmbeddedJwtAuthorityParts {
  readonly file: JwtKeyFile;
  /** As they are in the file. */
  readonly keys: JwtKeys;
  readonly trustDomain: string;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Signs JWT-SVIDs with keys of its own. As with the CA, the file is the truth: it is looked at before each answer, at
 * most once a second, so that several processes on one directory sign with, and believe, the same keys.
 */
export class EmbeddedJwtAuthority implements JwtAuthority {
  readonly #file: JwtKeyFile;
  readonly #trustDomain: string;
  readonly #clock: Clock;
  readonly #log: Log;
  #keys: JwtKeys;
  #look: Promise<void> | undefined;
  #nextLookMs = Number.NEGATIVE_INFINITY;

  constructor({ file, keys, trustDomain, clock, log }: EmbeddedJwtAuthorityParts) {
    this.#file = file;
    this.#keys = keys;
    this.#trustDomain = trustDomain;
    this.#clock = clock;
    this.#log = log;
  }

  async sign({ id, audiences, ttlMs }: JwtSvidRequest, signal: AbortSignal): Promise<JwtSvid> {
    await this.#currentKeys(signal);
    const nowMs = this.#clock.now();
    const { kid, privateKey } = signingKey(this.#keys, nowMs);
    const iat = Math.floor(nowMs / 1000);
    const exp = Math.floor((nowMs + Math.min(ttlMs, LONGEST_JWT_MS)) / 1000);
    const claims = new TextEncoder().encode(JSON.stringify({ sub: id, aud: audiences, exp, iat }));
    // No other header member is allowed (SPIFFE JWT-SVID, section 2).
    const signing = new CompactSign(claims).setProtectedHeader({ alg: JWT_ALGORITHM, kid, typ: 'JWT' });
    return new Redacted(await orAborted(signing.sign(privateKey), signal));
  }

  async validate(token: JwtSvid, audience: string, signal: AbortSignal): Promise<ValidatedJwtSvid> {
    await this.#currentKeys(signal);
    const expected = { keys: this.#keys, trustDomain: this.#trustDomain, audience, nowMs: this.#clock.now() };
    return orAborted(validateJwtSvid(token, expected), signal);
  }

  async *watchBundle(signal: AbortSignal): AsyncGenerator<JwtBundle> {
    let version: string | undefined;
    while (!signal.aborted) {
      await this.#followFile();
      const bundle = toBundle(this.#trustDomain, this.#keys);
      if (bundle.version !== version) yield bundle;
      version = bundle.version;
      await this.#clock.sleep(WATCH_MS, signal);
    }
  }

  async #currentKeys(signal: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    await orAborted(this.#followFile(), signal);
  }

  /** Takes over what is in the file, and what time has made of it. Never rejects: what is in memory still signs. */
  async #followFile(): Promise<void> {
    if (this.#clock.monotonic() >= this.#nextLookMs) {
      this.#nextLookMs = this.#clock.monotonic() + LOOK_AGAIN_MS;
      this.#look = this.#update().catch((error: unknown) => {
        this.#nextLookMs = this.#clock.monotonic() + LOOK_AGAIN_BROKEN_MS;
        this.#log.warn('the JWT-SVID keys that are remembered are used further', { error });
      });
    }
    await this.#look;
  }

  async #update(): Promise<void> {
    const found = await this.#file.loadExisting();
    this.#keys = found;
    const nowMs = this.#clock.now();
    const signsFromMs = nextKeyFrom(found, nowMs);
    let keys = stillNeeded(found, nowMs);
    if (signsFromMs !== undefined) keys = [...keys, await createJwtKey(signsFromMs)];
    if (keys.length === found.length) return;
    await this.#file.replace(keys);
    this.#keys = keys;
    this.#log.info('the JWT-SVID keys have changed', { keys: keys.length, signing: signingKey(keys, nowMs).kid });
  }
}

/**
 * Without `use`: a SPIFFE bundle has `jwt-svid` there, but the Workload API asks for a standard key set (SPIFFE Workload
 * API, section 6.2.2), and validators that know nothing of SPIFFE pass over a use that is not `sig`.
 */
function toBundle(trustDomain: string, keys: readonly JwtKey[]): JwtBundle {
  const jwks = JSON.stringify({ keys: keys.map(({ kid, publicJwk }) => ({ ...publicJwk, kid, alg: JWT_ALGORITHM })) });
  return { trustDomain, jwks, version: keys.map(({ kid }) => kid).join(' ') };
}
