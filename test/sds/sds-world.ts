import { AgentError } from '../../src/core/agent-error.ts';
import type { Caller } from '../../src/core/caller.ts';
import { Redacted } from '../../src/core/redacted.ts';
import type { Call, GrpcMethods, HttpRoutes, StreamHandler } from '../../src/core/rpc.ts';
import { parseSpiffeId } from '../../src/core/spiffe-id.ts';
import {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
} from '../../src/gen/xds/discovery.ts';
import { Secret } from '../../src/gen/xds/secret.ts';
import { IdentityLimits } from '../../src/sds/identity-limits.ts';
import { RefusalLog } from '../../src/sds/refusal-log.ts';
import { RejectionLog } from '../../src/sds/rejection-log.ts';
import { sdsMethods, sdsRoutes } from '../../src/sds/sds-services.ts';
import { StreamRegistry } from '../../src/sds/stream-registry.ts';
import { FakeClock, settle } from '../fakes/fake-clock.ts';
import { MemorySecretStore } from '../fakes/memory-secret-store.ts';
import { RecordingCall } from '../fakes/recording-call.ts';
import { RecordingLog } from '../fakes/recording-log.ts';

export const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
export const V3 = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';
export const V2 = 'type.googleapis.com/envoy.api.v2.auth.Secret';
export const SECRETS_V3 = '/envoy.service.secret.v3.SecretDiscoveryService';
export const SECRETS_V2 = '/envoy.service.discovery.v2.SecretDiscoveryService';
export const AGGREGATED = '/envoy.service.discovery.v3.AggregatedDiscoveryService';

/** Of one identity. */
export const MAX_STREAMS = 20;

/** The secret services over a store in memory; the `authorization` header is the caller's SPIFFE ID. */
export class SdsWorld {
  readonly clock = new FakeClock();
  readonly store = new MemorySecretStore();
  readonly log = new RecordingLog();
  readonly counts: string[] = [];
  readonly delays: string[] = [];
  pending = 0;
  readonly #known = new Map<string, Caller>();
  readonly registry: StreamRegistry;
  readonly methods: GrpcMethods;
  readonly routes: HttpRoutes;

  constructor() {
    const meter = {
      streamOpened: () => this.counts.push('opened'),
      streamClosed: () => this.counts.push('closed'),
      served: (kind: string) => this.counts.push(`served ${kind}`),
      acknowledged: (result: string) => this.counts.push(result),
      pendingChanged: (by: number) => {
        this.pending += by;
      },
      pushed: (seconds: number) => this.delays.push(`pushed ${seconds}`),
      firstServed: (seconds: number) => this.delays.push(`first ${seconds}`),
    };
    const names = { svidNames: ['default', 'web-cert'], bundleNames: ['ROOTCA'], allBundlesName: 'ALL' };
    const { store, clock, log } = this;
    const refusals = new RefusalLog(log, clock);
    const context = {
      store,
      clock,
      log,
      refusals,
      rejections: new RejectionLog(log, clock),
      meter,
      names,
      authenticator: {
        recognize: ({ metadata }: Call) => this.#known.get(metadata.getAll('authorization').join()),
        authenticate: authenticateAs(this.clock),
      },
      limits: new IdentityLimits(MAX_STREAMS, {
        refused: (limit: string) => void this.counts.push(`refused ${limit}`),
      }),
    };
    this.registry = new StreamRegistry(meter, 'test');
    this.methods = sdsMethods(context, this.registry);
    this.routes = sdsRoutes(context);
  }

  /** From now on a call with this `authorization` is recognized at once, as this caller's. */
  recognizes(authorization: string, spiffeId: string): void {
    this.#known.set(authorization, toCaller(spiffeId, this.clock));
  }

  async open(path: string, caller = WEB): Promise<OpenStream> {
    const stream = this.begin(path, caller);
    await settle();
    return stream;
  }

  /** A stream that has just been opened, before anything asynchronous has happened. */
  begin(path: string, caller = WEB): OpenStream {
    const method = this.methods.get(path);
    if (method?.kind !== 'stream') throw new Error(`no stream at ${path}`);
    const call = new RecordingCall({ authorization: caller });
    return new OpenStream(call, method.open(call));
  }

  async fetch(path: string, request: Partial<DiscoveryRequest>, caller = WEB): Promise<DiscoveryResponse> {
    const method = this.methods.get(path);
    if (method?.kind !== 'unary') throw new Error(`no unary method at ${path}`);
    const call = new RecordingCall({ authorization: caller });
    return DiscoveryResponse.decode(await method.handle(call, async () => sotwRequest(request)));
  }
}

/** One open stream, with words of the protocol for what to send and what has arrived. */
export class OpenStream {
  readonly call: RecordingCall;
  readonly handler: StreamHandler;

  constructor(call: RecordingCall, handler: StreamHandler) {
    this.call = call;
    this.handler = handler;
  }

  request(request: Partial<DiscoveryRequest>): void {
    this.handler.received(sotwRequest(request));
  }

  deltaRequest(request: Partial<DeltaDiscoveryRequest>): void {
    const whole = { node: undefined, typeUrl: V3, resourceNamesSubscribe: [], resourceNamesUnsubscribe: [] };
    const message = { ...whole, responseNonce: '', errorDetail: undefined, ...request };
    this.handler.received(Buffer.from(DeltaDiscoveryRequest.encode(message).finish()));
  }

  get responses(): DiscoveryResponse[] {
    return this.call.sent.map((bytes) => DiscoveryResponse.decode(bytes));
  }

  get deltaResponses(): DeltaDiscoveryResponse[] {
    return this.call.sent.map((bytes) => DeltaDiscoveryResponse.decode(bytes));
  }

  get lastNonce(): string {
    return this.responses.at(-1)?.nonce ?? '';
  }

  acknowledge(names: string[]): void {
    this.request({ resourceNames: names, responseNonce: this.lastNonce });
  }

  close(): void {
    this.handler.closed();
  }
}

export function sotwRequest(request: Partial<DiscoveryRequest>): Buffer {
  const whole = { versionInfo: '', node: undefined, resourceNames: [], typeUrl: V3, responseNonce: '' };
  return Buffer.from(DiscoveryRequest.encode({ ...whole, errorDetail: undefined, ...request }).finish());
}

/** The secrets of a response, by name. */
export function secretsIn({ resources }: DiscoveryResponse): Secret[] {
  return resources.map(({ value }) => Secret.decode(value));
}

function authenticateAs(clock: FakeClock): (call: Call) => Promise<Caller> {
  return async (call) => {
    const [id] = call.metadata.getAll('authorization');
    if (id === undefined || id === '') throw new AgentError('token-missing', 'no token');
    return toCaller(id, clock);
  };
}

function toCaller(id: string, clock: FakeClock): Caller {
  const spiffeId = parseSpiffeId(id);
  const identity = { spiffeId, key: spiffeId };
  return { identity, token: new Redacted('t'), tokenExpiresAtMs: clock.now() + 1 };
}
