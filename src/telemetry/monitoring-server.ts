import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Log } from '../core/log.ts';
import type { AgentView } from '../core/status-report.ts';
import { answer, HttpListener, portOf, toBindError } from './http-listener.ts';
import type { Metrics } from './metrics.ts';
import type { Readiness } from './readiness.ts';

export interface MonitoringServerOptions {
  readonly view: AgentView;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly log: Log;
}

/** What kubelet and Prometheus ask: `/metrics`, `/healthz/live`, `/healthz/ready`. */
export class MonitoringServer implements AsyncDisposable {
  readonly #listener: HttpListener;

  constructor({ view, metrics, readiness, log }: MonitoringServerOptions) {
    const handlers = {
      '/metrics': {
        GET: async (_request: IncomingMessage, response: ServerResponse) =>
          answer(response, 200, await metrics.expose(view), { 'content-type': metrics.contentType }),
      },
      // Alive is who answers: a restart cures neither a lost CA nor an expired certificate, it only loses the others.
      '/healthz/live': { GET: (_request: IncomingMessage, response: ServerResponse) => answer(response, 200, 'ok\n') },
      '/healthz/ready': {
        GET: (_request: IncomingMessage, response: ServerResponse) => {
          const unmet = readiness.unmet();
          if (unmet.length === 0) answer(response, 200, 'ok\n');
          else answer(response, 503, `${unmet.join('\n')}\n`);
        },
      },
    };
    this.#listener = new HttpListener(handlers, log);
  }

  /**
   * Resolves to the port, chosen by the kernel where 0 is asked for.
   *
   * @throws AgentError `socket-unusable`, naming the settings
   */
  async listen(address: string, port: number): Promise<number> {
    try {
      return portOf(await this.#listener.listen({ host: address, port }));
    } catch (cause) {
      throw toBindError('MONITORING_ADDRESS, MONITORING_PORT', `${address}:${port}`, cause);
    }
  }

  close(): Promise<void> {
    return this.#listener.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
