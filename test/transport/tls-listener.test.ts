import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { ChannelCredentials, Client, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import type { Clock } from '../../src/core/clock.ts';
import { Redacted } from '../../src/core/redacted.ts';
import type { Call, GrpcMethods } from '../../src/core/rpc.ts';
import { systemClock } from '../../src/runtime/system-clock.ts';
import { TlsListener } from '../../src/transport/tls-listener.ts';
import type { TransportLimits } from '../../src/transport/transport-limits.ts';
import { seconds } from '../fakes/fake-clock.ts';
import { RecordingLog } from '../fakes/recording-log.ts';
import { createLoopbackCertificate } from '../identity/loopback-certificate.ts';
import { eventually } from './eventually.ts';

const UNARY = '/test.Echo/Unary';
const asIs = (bytes: Buffer): Buffer => bytes;

/** A real listener on a free port of loopback. Its method echoes, or waits for `answer` when it is sent `wait`. */
class TlsEcho implements AsyncDisposable {
  readonly listener: TlsListener;
  readonly calls: Call[] = [];
  readonly cert: string;
  answer: () => void = () => {};
  port = 0;

  private constructor(clock: Clock, cert: string, limits: Partial<TransportLimits>) {
    this.cert = cert;
    const meter = { connectionOpened: () => {}, connectionClosed: () => {}, refused: () => {} };
    const serving = { methods: this.#methods(), routes: new Map(), log: new RecordingLog(), meter, clock, limits };
    this.listener = new TlsListener({ ...serving, host: '127.0.0.1', port: 0 });
  }

  static async start(clock: Clock = systemClock, limits: Partial<TransportLimits> = {}): Promise<TlsEcho> {
    const { cert, key } = await createLoopbackCertificate();
    const echo = new TlsEcho(clock, cert, limits);
    echo.listener.setCertificate({ chainPem: cert, keyPem: new Redacted(Buffer.from(key)) });
    echo.port = await echo.listener.listen();
    return echo;
  }

  client(t: TestContext, cert = this.cert): Client {
    const client = new Client(`localhost:${this.port}`, ChannelCredentials.createSsl(Buffer.from(cert)));
    t.after(() => client.close());
    return client;
  }

  /** Bytes without TLS. */
  async plain(t: TestContext): Promise<Socket> {
    const socket = connectTcp(this.port, '127.0.0.1');
    socket.on('error', () => {});
    t.after(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  }

  /** A bare TLS connection, the handshake ended. */
  async secured(t: TestContext, ALPNProtocols: string[]): Promise<TLSSocket> {
    const socket = connectTls({ port: this.port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols });
    t.after(() => socket.destroy());
    await once(socket, 'secureConnect');
    return socket;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.listener.drain(0);
  }

  #methods(): GrpcMethods {
    return new Map([
      [
        UNARY,
        {
          kind: 'unary',
          handle: async (call, receive) => {
            this.calls.push(call);
            const message = await receive();
            if (message.toString() === 'wait') await new Promise<void>((resolve) => (this.answer = resolve));
            return message;
          },
        },
      ],
    ]);
  }
}

function call(client: Client, text: string, deadlineMs = 20_000): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + deadlineMs };
    client.makeUnaryRequest(UNARY, asIs, asIs, Buffer.from(text), new Metadata(), options, (error, answer) =>
      error === null && answer !== undefined ? resolve(answer.toString()) : reject(error),
    );
  });
}

test('a call over TLS is answered, and says from which address it comes', async (t) => {
  await using echo = await TlsEcho.start();
  assert.equal(await call(echo.client(t), 'hello'), 'hello');
  assert.match(echo.calls[0]?.peerAddress ?? '', /^127\.0\.0\.1:\d+$/);
  assert.equal(echo.calls[0]?.peer, undefined);
});

test('HTTP/2 is agreed upon, and who speaks only something else is refused', async (t) => {
  await using echo = await TlsEcho.start();
  assert.equal((await echo.secured(t, ['http/1.1', 'h2'])).alpnProtocol, 'h2');
  await assert.rejects(echo.secured(t, ['http/1.1']), /alert no application protocol/);
});

test('a new certificate is shown from the next handshake on, and connections that are open stay', async (t) => {
  await using echo = await TlsEcho.start();
  const before = echo.client(t);
  await call(before, 'hello');
  const { cert, key } = await createLoopbackCertificate();
  echo.listener.setCertificate({ chainPem: cert, keyPem: new Redacted(Buffer.from(key)) });
  assert.equal(await call(before, 'still here'), 'still here');
  assert.equal(await call(echo.client(t, cert), 'hello'), 'hello');
  await assert.rejects(call(echo.client(t), 'hello', 1000));
});

test('a key of another certificate is refused, and the old pair is still shown', async (t) => {
  await using echo = await TlsEcho.start();
  const { key } = await createLoopbackCertificate();
  const mixed = { chainPem: echo.cert, keyPem: new Redacted(Buffer.from(key)) };
  assert.throws(() => echo.listener.setCertificate(mixed), {
    code: 'settings-invalid',
    message: /KEY_VALUES_MISMATCH/,
  });
  assert.throws(() => echo.listener.setCertificate({ ...mixed, chainPem: 'nonsense' }), { code: 'settings-invalid' });
  assert.equal(await call(echo.client(t), 'hello'), 'hello');
});

test('a port that is taken is unusable, and the message says what to do', async () => {
  await using echo = await TlsEcho.start();
  const meter = { connectionOpened: () => {}, connectionClosed: () => {}, refused: () => {} };
  const serving = { methods: new Map(), routes: new Map(), log: new RecordingLog(), meter, clock: systemClock };
  const second = new TlsListener({ ...serving, host: '127.0.0.1', port: echo.port });
  const message = `cannot listen on 127.0.0.1:${echo.port}: another process listens there: stop that one, or choose another port`;
  await assert.rejects(second.listen(), { code: 'socket-unusable', message });
});

for (const [name, bytes] of [
  ['plaintext HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0'],
  ['plaintext HTTP/1.1', 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n'],
  ['binary garbage', '\x00\x01\x02\xff\xfe'.repeat(100)],
  ['a TLS record that is no hello', '\x16\x03\x01\x00\x05hello'],
] as const) {
  test(`${name} ends its own connection at once, and nobody else notices`, async (t) => {
    await using echo = await TlsEcho.start();
    const client = echo.client(t);
    await call(client, 'hello');
    const peer = await echo.plain(t);
    peer.write(Buffer.from(bytes, 'latin1'));
    peer.resume();
    await once(peer, 'close');
    await eventually('it is forgotten', () => echo.listener.connections === 1);
    assert.equal(await call(client, 'still here'), 'still here');
  });
}

for (const [name, begin] of [
  ['begins no handshake', async (echo: TlsEcho, t: TestContext) => echo.plain(t)],
  [
    'stops within the handshake',
    async (echo: TlsEcho, t: TestContext) => {
      const peer = await echo.plain(t);
      peer.write(Buffer.from('\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03', 'latin1'));
      return peer;
    },
  ],
  ['says nothing after the handshake', async (echo: TlsEcho, t: TestContext) => echo.secured(t, ['h2'])],
] as const) {
  test(`a peer that ${name} is closed when the time is over`, async (t) => {
    await using echo = await TlsEcho.start(systemClock, { silenceMs: 300 });
    const peer = await begin(echo, t);
    peer.resume();
    if (!peer.closed) await once(peer, 'close');
    await eventually('it is forgotten', () => echo.listener.connections === 0);
    assert.equal(await call(echo.client(t), 'hello'), 'hello');
  });
}

test('peers that begin no handshake make room for those that do', async (t) => {
  await using echo = await TlsEcho.start();
  const crowd = await Promise.all(Array.from({ length: 600 }, () => echo.plain(t)));
  for (const peer of crowd) peer.resume();
  assert.equal(await call(echo.client(t), 'hello'), 'hello');
  await eventually('some are closed', () => echo.listener.connections <= 513);
});

test('a drain answers what was asked, and refuses what comes after', async (t) => {
  await using echo = await TlsEcho.start();
  const client = echo.client(t);
  const asked = call(client, 'wait');
  await eventually('it is heard', () => echo.calls.length === 1);
  const drained = echo.listener.drain(seconds(20));
  await assert.rejects(call(echo.client(t), 'hello', 1000), ({ code }: ServiceError) =>
    [status.UNAVAILABLE, status.DEADLINE_EXCEEDED].includes(code),
  );
  echo.answer();
  assert.equal(await asked, 'wait');
  await drained;
  assert.equal(echo.listener.connections, 0);
});
