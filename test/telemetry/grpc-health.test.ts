import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AgentError } from '../../src/core/agent-error.ts';
import type { Call, StreamCall } from '../../src/core/rpc.ts';
import {
  HealthCheckRequest,
  HealthCheckResponse,
  HealthCheckResponse_ServingStatus as Status,
} from '../../src/gen/grpc/health.ts';
import { createHealthMethods } from '../../src/telemetry/grpc-health.ts';
import { Readiness } from '../../src/telemetry/readiness.ts';

const SDS = 'envoy.service.secret.v3.SecretDiscoveryService';

function createSample() {
  const readiness = new Readiness();
  const refused: string[] = [];
  const meter = { refused: (limit: string) => void refused.push(limit) };
  return { readiness, refused, methods: createHealthMethods([SDS], readiness, meter) };
}

function makeReady(readiness: Readiness): void {
  for (const condition of ['socket', 'ca', 'token-verifier'] as const) readiness.set(condition, true);
}

const CALL: Call = {
  path: '/grpc.health.v1.Health/Check',
  metadata: { getAll: () => [] },
  connectionId: 1,
  peer: undefined,
  signal: new AbortController().signal,
  callerKnown: () => {},
};

/** A stream whose peer reads only when told to. */
class RecordingCall implements StreamCall {
  readonly path = '/grpc.health.v1.Health/Watch';
  readonly metadata = CALL.metadata;
  readonly connectionId: number;
  readonly peer = undefined;
  readonly signal = CALL.signal;
  readonly said: number[] = [];
  writable = true;
  ended: AgentError | 'ok' | undefined;

  constructor(connectionId: number) {
    this.connectionId = connectionId;
  }

  send(message: Uint8Array): void {
    this.said.push(HealthCheckResponse.decode(message).status);
  }

  end(error?: AgentError): void {
    this.ended = error ?? 'ok';
  }

  callerKnown(): void {}
  pause(): void {}
  resume(): void {}
}

function encode(service: string): Buffer {
  return Buffer.from(HealthCheckRequest.encode({ service }).finish());
}

async function check({ methods }: ReturnType<typeof createSample>, message: Buffer): Promise<number> {
  const method = methods.get('/grpc.health.v1.Health/Check');
  assert.equal(method?.kind, 'unary');
  return HealthCheckResponse.decode(await method.handle(CALL, async () => message)).status;
}

function watch({ methods }: ReturnType<typeof createSample>, connectionId = 1) {
  const method = methods.get('/grpc.health.v1.Health/Watch');
  assert.equal(method?.kind, 'stream');
  const call = new RecordingCall(connectionId);
  return { call, handler: method.open(call) };
}

test('check says whether the agent is ready, for the whole and for each service', async () => {
  const sample = createSample();
  for (const service of ['', SDS]) assert.equal(await check(sample, encode(service)), Status.NOT_SERVING);
  makeReady(sample.readiness);
  for (const service of ['', SDS]) assert.equal(await check(sample, encode(service)), Status.SERVING);
});

test('check of an unknown service is NOT_FOUND, of garbage INVALID_ARGUMENT', async () => {
  await assert.rejects(check(createSample(), encode('x\n\u001b[2J')), {
    code: 'request-name-unknown',
    message: String.raw`no service "x\n\u001b[2J" here`,
  });
  await assert.rejects(check(createSample(), Buffer.from([0xff, 0xff])), { code: 'request-invalid' });
});

test('watch says the status at once and then each change', () => {
  const sample = createSample();
  const { call, handler } = watch(sample);
  handler.received(encode(SDS));
  handler.halfClosed();
  assert.deepEqual(call.said, [Status.NOT_SERVING]);
  makeReady(sample.readiness);
  sample.readiness.set('running', false);
  assert.deepEqual(call.said, [Status.NOT_SERVING, Status.SERVING, Status.NOT_SERVING]);
  handler.closed();
  sample.readiness.set('running', true);
  assert.equal(call.said.length, 3, 'nothing after the end');
  assert.equal(call.ended, undefined);
});

test('watch of an unknown service says so and stays open', () => {
  const sample = createSample();
  const { call, handler } = watch(sample);
  handler.received(encode('unknown'));
  makeReady(sample.readiness);
  assert.deepEqual([call.said, call.ended], [[Status.SERVICE_UNKNOWN], undefined]);
});

test('who does not read gets the newest status once it does', () => {
  const sample = createSample();
  const { call, handler } = watch(sample);
  handler.received(encode(''));
  call.writable = false;
  makeReady(sample.readiness);
  for (let turn = 0; turn < 1000; turn++) sample.readiness.set('running', turn % 2 === 0);
  assert.equal(call.said.length, 1);
  sample.readiness.set('running', true);
  call.writable = true;
  handler.drained();
  assert.deepEqual(call.said, [Status.NOT_SERVING, Status.SERVING]);
});

const VIOLATIONS = {
  'two requests': [encode(''), encode('')],
  garbage: [Buffer.from([0xff, 0xff])],
  'no request': [],
};

test('a watch that breaks the protocol ends with INVALID_ARGUMENT', () => {
  for (const [name, messages] of Object.entries(VIOLATIONS)) {
    const { call, handler } = watch(createSample());
    for (const message of messages) handler.received(message);
    handler.halfClosed();
    assert.ok(typeof call.ended === 'object' && call.ended.code === 'request-invalid', name);
  }
});

test('watches are bounded, on each connection and in all, and those that end make room', () => {
  const sample = createSample();
  const exhausted = {
    code: 'limit-exceeded',
    message: /^the limit on health watches is reached, which is (16|1000): ask with Check$/,
  };
  const open = Array.from({ length: 16 }, () => watch(sample));
  assert.throws(() => watch(sample), exhausted);
  open[0]?.handler.closed();
  watch(sample);
  assert.throws(() => watch(sample), exhausted);
  for (let more = 16; more < 1000; more++) watch(sample, 2 + Math.floor(more / 16));
  assert.throws(() => watch(sample, 5000), exhausted);
  assert.deepEqual(sample.refused, ['health_watches', 'health_watches', 'health_watches']);
  open[1]?.handler.closed();
  open[1]?.handler.closed();
  watch(sample, 5000);
  assert.throws(() => watch(sample, 5001), exhausted);
});
