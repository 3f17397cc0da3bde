import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { AgentView } from '../core/status-report.ts';
import { answer, answerJson, HttpListener, portOf, toBindError } from './http-listener.ts';
import { toIstioDebug } from './istio-debug.ts';
import { StatusEvents } from './status-events.ts';
import { STATUS_PAGE, STATUS_PAGE_POLICY } from './status-page.ts';

export interface DebugServerOptions {
  readonly view: AgentView;
  readonly clock: Clock;
  readonly log: Log;
}

const LOOPBACK = '127.0.0.1';

/** What a person at the node looks at: a status page, the same as JSON and as events, and Istio's debug view. */
export class DebugServer implements AsyncDisposable {
  readonly #listener: HttpListener;

  constructor({ view, clock, log }: DebugServerOptions) {
    const events = new StatusEvents(view, clock, log);
    const json = (value: () => unknown) => ({
      GET: (_request: IncomingMessage, response: ServerResponse) => answerJson(response, 200, value()),
    });
    const handlers = {
      '/': { GET: (_request: IncomingMessage, response: ServerResponse) => answerPage(response) },
      '/api/status': json(() => view.status()),
      '/api/events': {
        GET: (request: IncomingMessage, response: ServerResponse) => {
          if (request.method === 'HEAD') return answer(response, 200, '', { 'content-type': 'text/event-stream' });
          if (!events.add(response)) answer(response, 503, 'too many listeners\n', { 'retry-after': '10' });
        },
      },
      '/debug/sds/workload': json(() => toIstioDebug(view.served())),
    };
    this.#listener = new HttpListener(handlers, log, refuseRebound);
  }

  /**
   * Listens on loopback only; resolves to the port, chosen by the kernel where 0 is asked for.
   *
   * @throws AgentError `socket-unusable`, naming the setting
   */
  async listen(port: number): Promise<number> {
    try {
      return portOf(await this.#listener.listen({ host: LOOPBACK, port }));
    } catch (cause) {
      throw toBindError('DEBUG_PORT', `${LOOPBACK}:${port}`, cause);
    }
  }

  close(): Promise<void> {
    return this.#listener.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function answerPage(response: ServerResponse): void {
  answer(response, 200, STATUS_PAGE, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': STATUS_PAGE_POLICY,
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
  });
}

const LOOPBACK_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;

/**
 * A web page from elsewhere can make its own name point to 127.0.0.1 and would then be same-origin with us;
 * its name in the Host header gives it away (DNS rebinding).
 */
function refuseRebound(request: IncomingMessage): string | undefined {
  if (LOOPBACK_HOST.test(request.headers.host ?? '')) return undefined;
  return 'ask for localhost or a loopback address';
}
