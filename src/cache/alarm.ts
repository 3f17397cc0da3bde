import type { RenewalAlarm } from '../core/status-report.ts';
import type { IdentityEntry } from './identity-entry.ts';

/** Of the time between the renewal that was due and the expiry, the share that is left when an alarm grows. */
const PRESSING_BELOW = 2 / 3;
const CRITICAL_BELOW = 1 / 3;

/**
 * How bad it is that an identity has no new certificate; undefined: nothing has failed since the last success.
 *
 * @param graceRatio the share of a lifetime that is left when a renewal is due (`SECRET_GRACE_PERIOD_RATIO`)
 */
export function alarmOf(entry: IdentityEntry, graceRatio: number, nowMs: number): RenewalAlarm | undefined {
  const { certificate, issuedAtMs, lastFailure } = entry;
  if (certificate === undefined) return lastFailure && 'waiting';
  const { notAfterMs, notBeforeMs } = certificate;
  if (nowMs >= notAfterMs) return 'expired';
  if (lastFailure === undefined) return undefined;
  const shareLeft = (notAfterMs - nowMs) / (graceRatio * (notAfterMs - (issuedAtMs ?? notBeforeMs)));
  if (shareLeft < CRITICAL_BELOW) return 'critical';
  return shareLeft < PRESSING_BELOW ? 'pressing' : 'failing';
}
