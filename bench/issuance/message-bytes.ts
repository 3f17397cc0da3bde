import { encodeRequest } from '../../src/ca-providers/citadel/wire.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { serviceAccountId } from '../../src/core/spiffe-id.ts';
import { IstioCertificateResponse } from '../../src/gen/istio/ca.ts';
import { createCsr } from '../../src/keys/csr.ts';
import { createKeyPair } from '../../src/keys/key-pair.ts';
import { toPem } from '../../src/keys/pem.ts';
import { systemClock } from '../../src/runtime/system-clock.ts';
import { hours } from '../../test/fakes/fake-clock.ts';
import { MemoryCa } from '../../test/fakes/memory-ca.ts';
import { TRUST_DOMAIN } from '../cache/bench-cache.ts';

/** The sizes of a request for a certificate and of its answer, as the CA of the tests gives it. */
export async function readMessageBytes(): Promise<{ readonly requestBytes: number; readonly answerBytes: number }> {
  const id = serviceAccountId(TRUST_DOMAIN, 'shop', 'workload-1000');
  const csr = createCsr(await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' }), id);
  const ttlMs = hours(24);
  const ca = await MemoryCa.create(systemClock);
  const chain = await ca.sign({ id, csr, ttlMs, token: new Redacted('') }, new AbortController().signal);
  const certChain = [...chain, ca.rootDer].map((der) => toPem('CERTIFICATE', der));
  return {
    requestBytes: encodeRequest(toPem('CERTIFICATE REQUEST', csr), ttlMs).length,
    answerBytes: IstioCertificateResponse.encode({ certChain }).finish().length,
  };
}
