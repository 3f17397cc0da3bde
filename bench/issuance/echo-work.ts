import { generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ChannelCredentials, Client, Metadata } from '@grpc/grpc-js';
import { systemClock as clock } from '../../src/runtime/system-clock.ts';
import { workloadToken } from '../../test/fakes/workload-tokens.ts';
import { toCaller } from '../cache/bench-cache.ts';
import { ECHO } from './echo-service.ts';
import type { IssuanceOrder, Work } from './issuance-order.ts';

/** The least for a certificate: a key, a signature with it, and one call of grpc-js with as many bytes and a token. */
export async function createEchoWork({ address, rootFile, requestBytes }: IssuanceOrder): Promise<Work> {
  const client = new Client(address, ChannelCredentials.createSsl(readFileSync(rootFile)));
  const message = Buffer.alloc(requestBytes, 'x');
  return (index) => {
    const metadata = new Metadata();
    const token = workloadToken(toCaller(index, clock).identity.spiffeId);
    metadata.set('authorization', `Bearer ${token.reveal()}`);
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    sign('sha256', message, privateKey);
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest(ECHO.path, ECHO.requestSerialize, ECHO.responseDeserialize, message, metadata, (error) =>
        error === null ? resolve() : reject(error),
      );
    });
  };
}
