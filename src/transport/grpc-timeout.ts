import { AgentError, quoteUntrusted } from '../core/agent-error.ts';

const MS_OF_UNIT = new Map([
  ['H', 3_600_000],
  ['M', 60_000],
  ['S', 1000],
  ['m', 1],
  ['u', 0.001],
  ['n', 0.000_001],
]);

/**
 * The value of `grpc-timeout` in milliseconds: at most eight digits and a unit (gRPC over HTTP/2, "Timeout").
 * Throws `request-invalid`.
 */
export function parseGrpcTimeout(text: string): number {
  const [, digits, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(text) ?? [];
  const unitMs = MS_OF_UNIT.get(unit);
  if (unitMs === undefined) {
    const wanted = 'send at most eight digits and one of H M S m u n';
    throw new AgentError('request-invalid', `grpc-timeout ${quoteUntrusted(text)} is malformed: ${wanted}`);
  }
  return Number(digits) * unitMs;
}

const LARGEST = 99_999_999;

/** A time limit as the value of `grpc-timeout`, rounded up to what eight digits can say. */
export function toGrpcTimeout(timeoutMs: number): string {
  const ms = Math.max(0, Math.ceil(timeoutMs));
  if (ms <= LARGEST) return `${ms}m`;
  return `${Math.min(LARGEST, Math.ceil(ms / 1000))}S`;
}
