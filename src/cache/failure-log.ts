import type { AgentError } from '../core/agent-error.ts';
import { toIsoTime } from '../core/calendar.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { SpiffeId } from '../core/spiffe-id.ts';
import type { RenewalAlarm } from '../core/status-report.ts';
import { Seldom } from '../runtime/seldom.ts';

interface Voice {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
  /** It is said at most once in this time for each code, however many identities fail. */
  readonly intervalMs: number;
}

const MINUTE_MS = 60_000;

/** How the alarm grows: in level, in words, and in how often it is heard. */
const VOICES = {
  failing: {
    level: 'info',
    message: 'renewals fail and are tried again; what is there is served and lasts for long',
    intervalMs: 10 * MINUTE_MS,
  },
  pressing: {
    level: 'warn',
    message: 'renewals go on failing; what is there is served until it expires: look at the CA',
    intervalMs: 5 * MINUTE_MS,
  },
  critical: {
    level: 'error',
    message: 'certificates expire soon and cannot be renewed: the CA has to work again before',
    intervalMs: MINUTE_MS,
  },
  expired: {
    level: 'error',
    message: 'certificates have expired, cannot be renewed and are not served any more: the CA has to work again',
    intervalMs: MINUTE_MS,
  },
  waiting: {
    level: 'warn',
    message: 'workloads wait for their first certificate: the CA gives none',
    intervalMs: MINUTE_MS,
  },
} satisfies Record<RenewalAlarm, Voice>;

/** Names in one line: enough to begin with; `status` has all. */
const NAMED = 3;

/** An issuance that came to nothing. */
export interface FailedIssuance {
  readonly spiffeId: SpiffeId;
  readonly error: AgentError;
  readonly alarm: RenewalAlarm;
  readonly retryAtMs: number;
  /** When the certificate that is held expires, or has; undefined: there is none. */
  readonly notAfterMs: number | undefined;
}

interface Group {
  readonly seldom: Seldom;
  readonly identities: Set<SpiffeId>;
  firstExpiryMs: number;
}

/** Tells the operator of failed issuances: those that are alike in one line, and the louder the less time is left. */
export class FailureLog {
  readonly #log: Log;
  readonly #clock: Clock;
  /** By alarm and code, both of which are closed sets. */
  readonly #groups = new Map<string, Group>();

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  failed({ spiffeId, error, alarm, retryAtMs, notAfterMs = Infinity }: FailedIssuance): void {
    const retryAt = toIsoTime(retryAtMs);
    this.#log.debug('no certificate from the CA', { spiffeId, error, alarm, retryAt });
    const group = this.#groupOf(`${alarm} ${error.code}`);
    group.identities.add(spiffeId);
    group.firstExpiryMs = Math.min(group.firstExpiryMs, notAfterMs);
    const { message, intervalMs } = VOICES[alarm];
    const failures = group.seldom.again(intervalMs);
    if (failures === undefined) return;
    this.#log[levelOf(alarm, error)](message, {
      identities: group.identities.size,
      among: [...group.identities].slice(0, NAMED),
      failures,
      error,
      retryAt,
      ...(Number.isFinite(group.firstExpiryMs) && { firstExpiry: toIsoTime(group.firstExpiryMs) }),
    });
    group.identities.clear();
    group.firstExpiryMs = Infinity;
  }

  #groupOf(key: string): Group {
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const group = { seldom: new Seldom(this.#clock), identities: new Set<SpiffeId>(), firstExpiryMs: Infinity };
    this.#groups.set(key, group);
    return group;
  }
}

/** What no time will mend is never a mere information. */
function levelOf(alarm: RenewalAlarm, { disposition }: AgentError): Voice['level'] {
  if (disposition === 'bug') return 'error';
  const { level } = VOICES[alarm];
  return disposition === 'permanent' && level === 'info' ? 'warn' : level;
}
