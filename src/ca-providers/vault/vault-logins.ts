import { AgentError } from '../../core/agent-error.ts';
import type { Token } from '../../core/caller.ts';
import type { Clock } from '../../core/clock.ts';
import { Redacted } from '../../core/redacted.ts';
import { sha256Hex } from '../../keys/digest.ts';
import { SharedWork } from '../../runtime/shared-work.ts';
import { readField, readJson } from './read-json.ts';
import { toRefusal } from './refusals.ts';
import type { VaultClient } from './vault-client.ts';
import type { VaultOptions } from './vault-options.ts';

/** A token of Vault, for one caller and nobody else. */
export interface VaultLogin {
  readonly token: Redacted<string>;
  /** By the monotonic clock; undefined where Vault allows one use, or does not say for how long. */
  readonly usableUntilMs: number | undefined;
}

/** The login to use now, and whether this call is the one that it was made for. */
export interface HeldLogin extends VaultLogin {
  readonly fresh: boolean;
}

/** More callers than a node has. */
const CAPACITY = 2_000;
/** The end of a lease that is left unused, at most: for the way to Vault and its clock. */
const MARGIN_MS = 30_000;

/**
 * Logs callers in, each with its own token and for itself. Logins are known by the SHA-256 digest of the caller's
 * token until shortly before their lease ends, so no call can ever get that of another caller. Calls with the same
 * token share one login under way; one that gives up does not take it away from the others.
 */
export class VaultLogins {
  readonly #client: VaultClient;
  readonly #options: Pick<VaultOptions, 'authPath' | 'role'>;
  readonly #clock: Clock;
  readonly #capacity: number;
  readonly #known = new Map<string, VaultLogin>();
  readonly #running = new Map<string, SharedWork<VaultLogin>>();

  /** @param capacity how many logins are known at a time, at most */
  constructor(
    client: VaultClient,
    options: Pick<VaultOptions, 'authPath' | 'role'>,
    clock: Clock,
    capacity = CAPACITY,
  ) {
    this.#client = client;
    this.#options = options;
    this.#clock = clock;
    this.#capacity = capacity;
  }

  /** @throws AgentError `ca-token-rejected` or `ca-permission-denied` when Vault refuses, or what `VaultClient.ask` throws */
  async loginOf(caller: Token, signal: AbortSignal): Promise<HeldLogin> {
    const digest = sha256Hex(caller.reveal());
    const known = this.#known.get(digest);
    if (known !== undefined && this.#isUsable(known)) return { ...known, fresh: false };
    const running = this.#running.get(digest);
    if (running !== undefined && !running.abandoned) return { ...(await running.join(signal)), fresh: false };
    return { ...(await this.#start(digest, caller).join(signal)), fresh: true };
  }

  /** Forgets a login that Vault does not accept any more; a newer one of the same caller stays. */
  forget(caller: Token, { token }: VaultLogin): void {
    const digest = sha256Hex(caller.reveal());
    if (this.#known.get(digest)?.token === token) this.#known.delete(digest);
  }

  #start(digest: string, caller: Token): SharedWork<VaultLogin> {
    const work = new SharedWork(async (signal) => {
      try {
        const login = await this.#login(caller, signal);
        this.#remember(digest, login);
        return login;
      } finally {
        if (this.#running.get(digest) === work) this.#running.delete(digest);
      }
    });
    this.#running.set(digest, work);
    return work;
  }

  async #login(caller: Token, signal: AbortSignal): Promise<VaultLogin> {
    const { authPath, role } = this.#options;
    const askedMs = this.#clock.monotonic();
    const answer = await this.#client.ask({ method: 'PUT', path: authPath, body: { jwt: caller, role } }, signal);
    if (answer.status !== 200) throw toRefusal('login', answer);
    const auth = readField(readJson(answer.text), 'auth');
    const token = readField(auth, 'client_token');
    if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) {
      throw new AgentError('ca-answer-invalid', 'vault answered the login without a token: look at VAULT_AUTH_PATH');
    }
    return { token: new Redacted(token), usableUntilMs: usableUntilMs(auth, askedMs) };
  }

  #remember(digest: string, login: VaultLogin): void {
    if (login.usableUntilMs === undefined) return;
    for (const [other, known] of this.#known) if (!this.#isUsable(known)) this.#known.delete(other);
    this.#known.delete(digest);
    const [oldest] = this.#known.keys();
    if (oldest !== undefined && this.#known.size >= this.#capacity) this.#known.delete(oldest);
    this.#known.set(digest, login);
  }

  #isUsable({ usableUntilMs = 0 }: VaultLogin): boolean {
    return this.#clock.monotonic() < usableUntilMs;
  }
}

function usableUntilMs(auth: unknown, askedMs: number): number | undefined {
  const leaseMs = Number(readField(auth, 'lease_duration')) * 1000;
  const uses = readField(auth, 'num_uses');
  if (!(leaseMs > 0) || (typeof uses === 'number' && uses > 0)) return undefined;
  return askedMs + leaseMs - Math.min(MARGIN_MS, leaseMs / 10);
}
