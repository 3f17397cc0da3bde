import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { AgentError } from '../../core/agent-error.ts';
import { Redacted } from '../../core/redacted.ts';
import { throwIfAborted } from '../../runtime/or-aborted.ts';
import { readBounded } from '../../runtime/read-bounded.ts';
import { type Cleaner, Secrets, withoutSecrets } from '../without-secrets.ts';
import { toConnectionError } from './connection-error.ts';
import { type Reasons, readReasons } from './reasons.ts';
import type { VaultOptions } from './vault-options.ts';

/** A request below `/v1/`. */
export interface VaultRequest {
  readonly method: 'GET' | 'PUT';
  readonly path: string;
  readonly token?: Redacted<string>;
  /** The token of the workload for which it is made; is not sent, and yet Vault may repeat it. */
  readonly behalf?: Redacted<string>;
  /** The fields of the JSON object that is sent. */
  readonly body?: Readonly<Record<string, string | boolean | Redacted<string>>>;
}

/** What Vault answered, whether it did what was asked or not. */
export interface VaultAnswer {
  readonly status: number;
  readonly text: string;
  /** Of an answer from 400 on; undefined where it gives none in Vault's way. */
  readonly reasons: Reasons | undefined;
  readonly retryAfterMs: number | undefined;
  /** The host that a redirect leads to, where it can be shown. */
  readonly redirectHost: string | undefined;
}

/** Ours have a few kilobytes. */
const LARGEST_ANSWER_BYTES = 1 << 20;
/** Shorter than the five minutes after which Vault closes an idle connection, so that none is used while it goes. */
const IDLE_MS = 30_000;
const MOST_IDLE_SOCKETS = 8;

/**
 * Sends requests to one Vault. Connections are kept for the next request; idle ones neither keep the process alive
 * nor stay long. Redirects are not followed, because a token must not go where no setting says.
 */
export class VaultClient {
  readonly #base: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #agent: HttpAgent | HttpsAgent;
  readonly #request: typeof requestHttp;

  constructor({ address, namespace, tlsRoots }: Pick<VaultOptions, 'address' | 'namespace' | 'tlsRoots'>) {
    this.#base = `${address}/v1/`;
    // Vault's own agent and proxy may refuse requests without `X-Vault-Request`.
    this.#headers = { 'X-Vault-Request': 'true', ...(namespace !== undefined && { 'X-Vault-Namespace': namespace }) };
    const keep = { keepAlive: true, timeout: IDLE_MS, maxFreeSockets: MOST_IDLE_SOCKETS };
    const isTls = address.startsWith('https:');
    this.#agent = isTls
      ? new HttpsAgent({ ...keep, ...(tlsRoots !== undefined && { ca: tlsRoots }) })
      : new HttpAgent(keep);
    this.#request = isTls ? requestHttps : requestHttp;
  }

  /**
   * The answer, whatever its status. When the signal aborts, the connection is closed at once.
   *
   * @throws AgentError `ca-unavailable` without an answer, `ca-answer-invalid` for one that cannot be read,
   *   `ca-timeout` when the signal has aborted
   */
  async ask(request: VaultRequest, signal: AbortSignal): Promise<VaultAnswer> {
    throwIfAborted(signal);
    try {
      const response = await this.#send(request, signal);
      try {
        return toAnswer(
          response,
          (await readBounded(response, LARGEST_ANSWER_BYTES, tooLarge)).toString('utf8'),
          request,
        );
      } finally {
        response.destroy();
      }
    } catch (thrown) {
      throwIfAborted(signal);
      throw thrown instanceof AgentError ? thrown : toConnectionError(thrown);
    }
  }

  #send({ method, path, token, body }: VaultRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const content = body === undefined ? undefined : Buffer.from(toJson(body));
    const headers = {
      ...this.#headers,
      ...(token !== undefined && { 'X-Vault-Token': token.reveal() }),
      ...(content !== undefined && { 'Content-Type': 'application/json', 'Content-Length': content.length }),
    };
    return new Promise((resolve, reject) => {
      this.#request(this.#base + path, { method, headers, agent: this.#agent, signal }, resolve)
        .on('error', reject)
        .end(content);
    });
  }
}

function toJson(body: NonNullable<VaultRequest['body']>): string {
  const fields = Object.entries(body);
  return JSON.stringify(
    Object.fromEntries(fields.map(([name, value]) => [name, value instanceof Redacted ? value.reveal() : value])),
  );
}

function secretsOf({ token, body = {}, behalf }: VaultRequest): Secrets {
  const redacted = [token, behalf, ...Object.values(body)].filter((value) => value instanceof Redacted);
  return new Secrets(...redacted.map((value) => value.reveal()));
}

function toAnswer({ statusCode = 0, headers }: IncomingMessage, text: string, request: VaultRequest): VaultAnswer {
  const clean = withoutSecrets([secretsOf(request)]);
  const seconds = /^\d{1,9}$/.exec(headers['retry-after'] ?? '')?.[0];
  return {
    status: statusCode,
    text,
    reasons: statusCode < 400 ? undefined : readReasons(text, clean),
    retryAfterMs: seconds === undefined ? undefined : Number(seconds) * 1000,
    redirectHost: toHost(headers.location, clean),
  };
}

/** What stands where the host should be may be a piece of a token: then there is none. */
function toHost(location: string | undefined, clean: Cleaner): string | undefined {
  if (location === undefined || !URL.canParse(location)) return undefined;
  const { host } = new URL(location);
  return clean(host) === host ? host : undefined;
}

function tooLarge(): AgentError {
  return new AgentError(
    'ca-answer-invalid',
    `vault answered with more than ${LARGEST_ANSWER_BYTES} bytes: look at VAULT_ADDR`,
  );
}
