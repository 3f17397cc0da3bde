import { X509SVIDResponse } from '../../src/gen/spiffe/workload.ts';
import type { GrpcClient } from '../../src/transport/grpc-client.ts';

/** What every call of the SPIFFE Workload API has to carry. */
export const HEADERS = { 'workload.spiffe.io': 'true' };
export const SVIDS = '/SpiffeWorkloadAPI/FetchX509SVID';
export const NO_BYTES = Buffer.alloc(0);

/** The answers of a `FetchX509SVID`, still encoded. */
export function svidStream(client: GrpcClient, headers: Readonly<Record<string, string>> = {}): AsyncIterator<Buffer> {
  const call = client.stream(SVIDS, { ...HEADERS, ...headers });
  call.send(NO_BYTES);
  call.halfClose();
  return call[Symbol.asyncIterator]();
}

/** Its next answer. */
export async function next(stream: AsyncIterator<Buffer>): Promise<X509SVIDResponse> {
  const { value } = await stream.next();
  return X509SVIDResponse.decode(value ?? NO_BYTES);
}
