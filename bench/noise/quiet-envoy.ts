import { type ClientHttp2Session, connect } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { firstRequest } from '../load/discovery-request.ts';
import { STREAM_SECRETS, secretHeaders } from './secret-headers.ts';

export interface Visits {
  readonly socketPath: string;
  readonly token: string;
  readonly visits: number;
  readonly everyMs: number;
}

/** Opens a stream every so often on one connection; gives how long each took until its secret was there. */
export async function visit({ socketPath, token, visits, everyMs }: Visits): Promise<number[]> {
  const session = connect('http://localhost', { createConnection: () => connectSocket(socketPath) });
  const latenciesMs: number[] = [];
  for (let number = 0; number < visits; number++) {
    latenciesMs.push(await visitOnce(session, token));
    await sleep(everyMs);
  }
  session.destroy();
  return latenciesMs;
}

function visitOnce(session: ClientHttp2Session, token: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const startedMs = performance.now();
    const stream = session.request(secretHeaders(token), { endStream: false });
    stream.on('data', () => {
      resolve(performance.now() - startedMs);
      stream.close();
    });
    stream.on('end', () => reject(new Error(`the quiet one was refused at ${STREAM_SECRETS}`)));
    stream.on('error', reject);
    stream.write(firstRequest('quiet', 'default'));
  });
}
