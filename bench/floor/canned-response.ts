import { DiscoveryResponse } from '../../src/gen/xds/discovery.ts';
import { frame, SECRET_TYPE_URL } from '../load/discovery-request.ts';

/** A DiscoveryResponse of exactly so many bytes, framed for gRPC. Its secret is nothing but zeros. */
export function cannedResponse(bytes: number): Buffer {
  // Length prefixes grow with what they announce, so the padding is found by trying.
  for (let padding = bytes; padding >= 0; padding--) {
    const message = encode(padding);
    if (message.length === bytes) return frame(message);
  }
  throw new Error(`a response cannot have ${bytes} bytes`);
}

function encode(padding: number): Uint8Array {
  const resources = [{ typeUrl: SECRET_TYPE_URL, value: Buffer.alloc(padding) }];
  return DiscoveryResponse.encode({ versionInfo: 'canned', resources, typeUrl: SECRET_TYPE_URL, nonce: '1' }).finish();
}
