import { readFileSync } from 'node:fs';
import { ChannelCredentials, Client, Metadata } from '@grpc/grpc-js';
import { decodeAnswer, encodeRequest } from '../../src/ca-providers/citadel/wire.ts';
import { IstioCertificateServiceDefinition } from '../../src/gen/istio/ca.ts';
import { createCsr } from '../../src/keys/csr.ts';
import { createKeyPair } from '../../src/keys/key-pair.ts';
import { toPem } from '../../src/keys/pem.ts';
import { verifyIssuance } from '../../src/keys/verify-issuance.ts';
import { systemClock as clock } from '../../src/runtime/system-clock.ts';
import { hours } from '../../test/fakes/fake-clock.ts';
import { workloadToken } from '../../test/fakes/workload-tokens.ts';
import { toCaller } from '../cache/bench-cache.ts';
import { ECHO } from './echo-service.ts';
import type { IssuanceOrder, Work } from './issuance-order.ts';

const { fullName, methods } = IstioCertificateServiceDefinition;
const PATH = `/${fullName}/${methods.createCertificate.name}`;

/**
 * What a certificate costs without an agent: key, CSR, one call of grpc-js, the answer verified, the key in PEM. No
 * cache, no time limit, no plan, no roots that change. What it makes is kept, as the agent keeps it.
 */
export async function createBareWork({ address, rootFile }: IssuanceOrder): Promise<Work> {
  const client = new Client(address, ChannelCredentials.createSsl(readFileSync(rootFile)));
  const kept: unknown[] = [];
  return async (index) => {
    const { spiffeId } = toCaller(index, clock).identity;
    const keyPair = await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' });
    const csr = toPem('CERTIFICATE REQUEST', createCsr(keyPair, spiffeId));
    const request = Buffer.from(encodeRequest(csr, hours(24)));
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${workloadToken(spiffeId).reveal()}`);
    const bytes = await new Promise<Buffer>((resolve, reject) => {
      client.makeUnaryRequest(
        PATH,
        ECHO.requestSerialize,
        ECHO.responseDeserialize,
        request,
        metadata,
        (error, answer) => (answer === undefined ? reject(error) : resolve(answer)),
      );
    });
    const { publicKeyDer } = keyPair;
    const issuance = { ...decodeAnswer(bytes), spiffeId, publicKeyDer, nowMs: clock.now() };
    kept.push(verifyIssuance(issuance), keyPair.privateKeyPem('pkcs8'));
  };
}
