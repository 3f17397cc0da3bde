import { AgentError, quoteUntrusted, toAgentError } from '../core/agent-error.ts';
import type { LimitMeter } from '../core/meters.ts';
import { peerLimitExceeded } from '../core/peer-limit.ts';
import type { GrpcMethods, StreamCall, StreamHandler } from '../core/rpc.ts';
import {
  HealthCheckRequest,
  HealthCheckResponse,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../gen/grpc/health.ts';
import { Places } from '../runtime/places.ts';
import type { Readiness } from './readiness.ts';

/** One for each service there is, with a margin. */
const MOST_WATCHES_OF_CONNECTION = 16;
/** They need no token, so they are few: whoever cannot watch can still ask. */
const MOST_WATCHES = 1000;

/**
 * `grpc.health.v1.Health` (grpc/grpc, doc/health-checking.md). It needs no token: it tells nothing but whether
 * the agent is ready.
 *
 * @param services the full names that are known besides the empty one, which stands for the whole agent
 * @param meter counts watches that were refused because there are too many
 */
export function createHealthMethods(services: readonly string[], readiness: Readiness, meter: LimitMeter): GrpcMethods {
  const watches = new Places<number>(MOST_WATCHES_OF_CONNECTION);
  const takePlace = ({ connectionId }: StreamCall): Disposable => {
    const place = watches.total < MOST_WATCHES ? watches.take(connectionId) : undefined;
    if (place !== undefined) return place;
    meter.refused('health_watches');
    const allowed = watches.total < MOST_WATCHES ? MOST_WATCHES_OF_CONNECTION : MOST_WATCHES;
    throw peerLimitExceeded('health_watches', allowed, 'ask with Check');
  };
  const known = new Set(['', ...services]);
  const statusOf = (service: string): ServingStatus => {
    if (!known.has(service)) return ServingStatus.SERVICE_UNKNOWN;
    return readiness.ready ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
  };
  return new Map([
    [
      '/grpc.health.v1.Health/Check',
      {
        kind: 'unary',
        async handle(_call, receive) {
          const service = decodeService(await receive());
          const status = statusOf(service);
          if (status !== ServingStatus.SERVICE_UNKNOWN) return encodeStatus(status);
          throw new AgentError('request-name-unknown', `no service ${quoteUntrusted(service)} here`);
        },
      },
    ],
    [
      '/grpc.health.v1.Health/Watch',
      { kind: 'stream', open: (call) => new HealthWatch(call, statusOf, readiness, takePlace(call)) },
    ],
  ]);
}

/** One `Watch`: says the status at once and then each change; an unknown service stays open, as it might appear. */
class HealthWatch implements StreamHandler {
  readonly #call: StreamCall;
  readonly #statusOf: (service: string) => ServingStatus;
  readonly #listening: Disposable;
  readonly #place: Disposable;
  #service: string | undefined;
  #said: ServingStatus | undefined;

  constructor(call: StreamCall, statusOf: (service: string) => ServingStatus, readiness: Readiness, place: Disposable) {
    this.#call = call;
    this.#place = place;
    this.#statusOf = statusOf;
    this.#listening = readiness.onChange(() => this.#say());
  }

  received(message: Buffer): void {
    try {
      if (this.#service !== undefined) throw new AgentError('request-invalid', 'a watch takes one request');
      this.#service = decodeService(message);
      this.#say();
    } catch (thrown) {
      this.#call.end(toAgentError(thrown));
    }
  }

  halfClosed(): void {
    if (this.#service === undefined) this.#call.end(new AgentError('request-invalid', 'a watch without a request'));
  }

  drained(): void {
    this.#say();
  }

  closed(): void {
    this.#listening[Symbol.dispose]();
    this.#place[Symbol.dispose]();
  }

  /** Who does not read what it was sent gets only the newest status, once it does. */
  #say(): void {
    if (this.#service === undefined || !this.#call.writable) return;
    const status = this.#statusOf(this.#service);
    if (status === this.#said) return;
    this.#said = status;
    this.#call.send(encodeStatus(status));
  }
}

function decodeService(message: Buffer): string {
  try {
    return HealthCheckRequest.decode(message).service;
  } catch (cause) {
    throw new AgentError('request-invalid', 'the message is not a health check request', { cause });
  }
}

function encodeStatus(status: ServingStatus): Uint8Array {
  return HealthCheckResponse.encode({ status }).finish();
}
