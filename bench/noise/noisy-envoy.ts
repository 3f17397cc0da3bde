import { type ClientHttp2Session, connect } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { acknowledgement, firstRequest } from '../load/discovery-request.ts';
import type { NoiseAnswer, NoiseKind } from './noise-order.ts';
import { secretHeaders } from './secret-headers.ts';

export interface Noise {
  readonly kind: NoiseKind;
  readonly socketPath: string;
  readonly token: string;
  readonly connections: number;
  readonly streams: number;
}

const RECONNECT_AFTER_MS = 10;
const ACKS_AT_ONCE = 100;
const ignore = (): void => {};

/** Makes as much noise as it is let, until the process ends. */
export function beNoisy(noise: Noise): NoiseAnswer {
  for (let number = 0; number < noise.connections; number++) connectNoisily(noise);
  return { answer: 'loud' };
}

function connectNoisily(noise: Noise): void {
  const session = connect('http://localhost', { createConnection: () => connectSocket(noise.socketPath) });
  session.on('error', ignore);
  session.on('close', () => setTimeout(() => connectNoisily(noise), RECONNECT_AFTER_MS));
  session.on('connect', () => {
    for (let number = 0; number < noise.streams; number++) {
      if (noise.kind === 'new streams') openAgain(session, noise.token);
      else acknowledgeForEver(session, noise.token);
    }
  });
}

function openAgain(session: ClientHttp2Session, token: string): void {
  if (session.destroyed || session.closed) return;
  const stream = session.request(secretHeaders(token), { endStream: false });
  stream.on('error', ignore);
  stream.on('data', () => stream.end());
  stream.on('close', () => setImmediate(openAgain, session, token));
  stream.write(firstRequest('noisy', 'default'));
}

function acknowledgeForEver(session: ClientHttp2Session, token: string): void {
  if (session.destroyed || session.closed) return;
  const stream = session.request(secretHeaders(token), { endStream: false });
  stream.on('error', ignore);
  stream.on('close', () => setTimeout(acknowledgeForEver, RECONNECT_AFTER_MS, session, token));
  stream.resume();
  stream.write(firstRequest('noisy', 'default'));
  const acks = Buffer.concat(Array.from({ length: ACKS_AT_ONCE }, () => acknowledgement('default', '', 'stale')));
  const write = (): void => {
    while (!stream.destroyed && stream.write(acks));
  };
  stream.on('drain', write);
  write();
}
