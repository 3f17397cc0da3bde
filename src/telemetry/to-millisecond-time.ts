import { toIsoTime } from '../core/calendar.ts';

/** UTC in ISO 8601 with milliseconds. */
export function toMillisecondTime(ms: number): string {
  const fraction = String(Math.floor(ms) % 1000).padStart(3, '0');
  return toIsoTime(ms).replace('Z', `.${fraction}Z`);
}
