import type { IncomingMessage, ServerResponse } from 'node:http';
import { AgentError, toAgentError } from '../core/agent-error.ts';
import type { Log } from '../core/log.ts';
import { parseSpiffeId, type SpiffeId } from '../core/spiffe-id.ts';
import type { AgentControl, AgentView } from '../core/status-report.ts';
import { answerJson, HttpListener } from './http-listener.ts';
import { bindPrivateSocket } from './private-socket.ts';

export interface AdminServerOptions {
  readonly view: AgentView;
  readonly control: AgentControl;
  readonly log: Log;
}

/** What `POST /rotate` asks for. */
export type RotateTarget = { readonly identity: SpiffeId } | 'all' | 'root';

/** A line of the answer to `POST /rotate`: any number of `progress`, then one of the others. */
export type RotateEvent =
  | { readonly progress: string }
  | { readonly done: true; readonly rotated: readonly SpiffeId[] }
  | { readonly error: { readonly code: string; readonly message: string } };

const LONGEST_BODY_BYTES = 64 << 10;

/**
 * The unix socket of `status` and `rotate`: `GET /status` gives the status, `POST /rotate` takes
 * `{"identity": "spiffe://…"}`, `{"all": true}` or `{"root": true}` and answers with a line of JSON an event.
 * Who may connect to the socket may do all of it; its mode and directory decide who that is.
 */
export class AdminServer implements AsyncDisposable {
  readonly #listener: HttpListener;
  readonly #control: AgentControl;
  readonly #log: Log;
  #remove: (() => Promise<void>) | undefined;

  constructor({ view, control, log }: AdminServerOptions) {
    this.#control = control;
    this.#log = log;
    const handlers = {
      '/status': {
        GET: (_request: IncomingMessage, response: ServerResponse) => answerJson(response, 200, view.status()),
      },
      '/rotate': {
        POST: (request: IncomingMessage, response: ServerResponse) => this.#rotate(request, response),
      },
    };
    this.#listener = new HttpListener(handlers, log);
  }

  /** @throws AgentError `socket-unusable`, naming the setting */
  async listen(path: string): Promise<void> {
    this.#remove = await bindPrivateSocket(path, (newPath) => this.#listener.listen({ path: newPath }));
  }

  /** Ends what is running, and removes the socket unless another agent has replaced it. */
  async close(): Promise<void> {
    await this.#remove?.();
    this.#remove = undefined;
    await this.#listener.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #rotate(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = await readTarget(request).catch(toAgentError);
    if (target instanceof AgentError) {
      const { code, message } = target;
      return answerJson(response, 400, { error: { code, message } });
    }
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    const say = (event: RotateEvent): void => void response.write(`${JSON.stringify(event)}\n`);
    try {
      const rotated = await this.#perform(target, (progress) => say({ progress }), gone.signal);
      say({ done: true, rotated });
    } catch (thrown) {
      const error = toAgentError(thrown);
      if (!gone.signal.aborted) this.#log.warn('a rotation that was asked for failed', { error });
      say({ error: { code: error.code, message: error.message } });
    }
    response.end();
  }

  async #perform(
    target: RotateTarget,
    onProgress: (step: string) => void,
    signal: AbortSignal,
  ): Promise<readonly SpiffeId[]> {
    if (target === 'root') {
      await this.#control.rotateRoot(onProgress, signal);
      return [];
    }
    onProgress(target === 'all' ? 'renewing every certificate' : `renewing ${target.identity}`);
    return this.#control.rotate(target === 'all' ? 'all' : { spiffeId: target.identity }, signal);
  }
}

async function readTarget(request: IncomingMessage): Promise<RotateTarget> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > LONGEST_BODY_BYTES) throw new AgentError('request-too-large', 'the body is too large');
    chunks.push(chunk);
  }
  return toTarget(parseJson(Buffer.concat(chunks).toString()));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new AgentError('request-invalid', 'the body is not JSON');
  }
}

function toTarget(body: unknown): RotateTarget {
  if (typeof body === 'object' && body !== null && Object.keys(body).length === 1) {
    if ('all' in body && body.all === true) return 'all';
    if ('root' in body && body.root === true) return 'root';
    if ('identity' in body && typeof body.identity === 'string') return { identity: parseSpiffeId(body.identity) };
  }
  throw new AgentError('request-invalid', 'say {"identity": "spiffe://…"}, {"all": true} or {"root": true}');
}
