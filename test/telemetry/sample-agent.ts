import { serviceAccountId } from '../../src/core/spiffe-id.ts';
import type { AgentControl, AgentStatus, AgentView, ServedResource } from '../../src/core/status-report.ts';
import { hours, minutes } from '../fakes/fake-clock.ts';

/** Names and messages as a hostile Envoy or CA might make them up. */
export const EVIL = '<script>alert(1)</script>\n\u001b[2J\u009b31m\u202egnp.exe';

export const NOW_MS = Date.UTC(2030, 0, 1);
export const WEB = serviceAccountId('cluster.local', 'shop', 'web');
export const CART = serviceAccountId('cluster.local', 'shop', 'cart');

/** An agent with one good certificate, one whose CA fails, and names that nobody should print as they are. */
export const SAMPLE_STATUS: AgentStatus = {
  version: '1.2.3',
  trustDomain: 'cluster.local',
  startedAtMs: NOW_MS - hours(3),
  nowMs: NOW_MS,
  connections: 2,
  streams: 4,
  identities: [
    {
      spiffeId: WEB,
      state: 'ready',
      serial: '4f2a91c07be1d3a5',
      issuedAtMs: NOW_MS - minutes(11),
      notBeforeMs: NOW_MS - minutes(12),
      notAfterMs: NOW_MS + hours(24),
      nextRenewalMs: NOW_MS + hours(12),
      rotations: 7,
      streams: 3,
    },
    {
      spiffeId: CART,
      state: 'stale',
      alarm: 'expired',
      serial: '0b',
      issuedAtMs: NOW_MS - hours(24),
      notBeforeMs: NOW_MS - hours(24),
      notAfterMs: NOW_MS - minutes(3),
      nextRenewalMs: NOW_MS,
      rotations: 0,
      streams: 1,
      lastError: { code: 'ca-unavailable', message: `the CA said ${EVIL}`, atMs: NOW_MS - minutes(5) },
    },
  ],
  bundles: [
    { trustDomain: 'cluster.local', version: 'abcdef', roots: 2, notAfterMs: NOW_MS + hours(24 * 365), streams: 4 },
  ],
  foreign: [
    {
      kind: 'file-certificate',
      name: `file-cert:/etc/certs/${EVIL}~/etc/certs/tls.key`,
      state: 'gone',
      serial: '7c01',
      version: '0123456789abcdef',
      changedAtMs: NOW_MS - hours(2),
      notAfterMs: NOW_MS + hours(48),
      streams: 2,
      lastError: { code: 'secret-gone', message: `${EVIL} is not there`, atMs: NOW_MS - minutes(1) },
    },
    { kind: 'file-bundle', name: 'file-root:system', state: 'wanted', streams: 1 },
  ],
  pending: [{ name: EVIL, streams: 1 }],
  ca: [{ provider: 'Embedded', healthy: true, lastSuccessMs: NOW_MS - minutes(11) }],
  unready: [],
};

/** An agent that says what it is told to. */
export class SampleAgent implements AgentView, AgentControl {
  current: AgentStatus = SAMPLE_STATUS;
  resources: readonly ServedResource[] = [];
  /** What `rotate` and `rotateRoot` do; they ask for nothing but their signal. */
  onRotate: (signal: AbortSignal) => Promise<void> = async () => undefined;
  readonly asked: string[] = [];

  status(): AgentStatus {
    return this.current;
  }

  served(): readonly ServedResource[] {
    return this.resources;
  }

  async rotate(which: Parameters<AgentControl['rotate']>[0], signal: AbortSignal) {
    this.asked.push(which === 'all' ? 'all' : which.spiffeId);
    await this.onRotate(signal);
    return which === 'all' ? [WEB, CART] : [which.spiffeId];
  }

  async rotateRoot(onProgress: (step: string) => void, signal: AbortSignal): Promise<void> {
    this.asked.push('root');
    onProgress('both roots are trusted');
    await this.onRotate(signal);
  }
}
