import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { AgentControl, AgentView } from '../core/status-report.ts';
import { AdminServer } from './admin-server.ts';
import { DebugServer } from './debug-server.ts';
import type { Metrics } from './metrics.ts';
import { MonitoringServer } from './monitoring-server.ts';
import type { Readiness } from './readiness.ts';

/** What is shown, and who does what operators ask for. */
export interface OperatorPagesParts {
  readonly shown: AgentView & AgentControl;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly clock: Clock;
  readonly log: Log;
}

/** Ends what was opened. */
export type Close = () => Promise<void>;

/**
 * What operators look at: metrics and health, the status page, the admin socket. Each says in the log where it is.
 * One that is not wanted (undefined) is not opened.
 */
export class OperatorPages {
  readonly #parts: OperatorPagesParts;

  constructor(parts: OperatorPagesParts) {
    this.#parts = parts;
  }

  /** @throws AgentError `socket-unusable` */
  async openMonitoring(address: string, port: number | undefined): Promise<Close> {
    if (port === undefined) return nothing;
    const { shown, metrics, readiness, log } = this.#parts;
    const monitoring = new MonitoringServer({ view: shown, metrics, readiness, log });
    log.info('monitoring listens', { address, port: await monitoring.listen(address, port) });
    return () => monitoring.close();
  }

  /** On loopback. @throws AgentError `socket-unusable` */
  async openStatusPage(port: number | undefined): Promise<Close> {
    if (port === undefined) return nothing;
    const { shown, clock, log } = this.#parts;
    const debug = new DebugServer({ view: shown, clock, log });
    log.info('the status page listens', { address: '127.0.0.1', port: await debug.listen(port) });
    return () => debug.close();
  }

  /** @throws AgentError `socket-unusable` */
  async openAdmin(socket: string | undefined): Promise<Close> {
    if (socket === undefined) return nothing;
    const { shown, log } = this.#parts;
    const admin = new AdminServer({ view: shown, control: shown, log });
    await admin.listen(socket);
    log.info('the admin socket listens', { socket });
    return () => admin.close();
  }
}

async function nothing(): Promise<void> {}
