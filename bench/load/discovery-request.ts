import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { sidecarNode } from './sidecar-node.ts';

export const SECRET_TYPE_URL = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';

/** The first DiscoveryRequest of a stream, framed for gRPC, with the whole Node: some 61 KB. */
export function firstRequest(nodeId: string, resourceName: string): Buffer {
  const request = new BinaryWriter();
  request.uint32(tag(2)).bytes(sidecarNode(nodeId));
  request.uint32(tag(3)).string(resourceName);
  request.uint32(tag(4)).string(SECRET_TYPE_URL);
  return frame(request.finish());
}

/** An ACK, framed for gRPC, as Envoy sends it with `set_node_on_first_message_only`: some 90 bytes more than the nonce. */
export function acknowledgement(resourceName: string, version: string, nonce: string): Buffer {
  const request = new BinaryWriter();
  request.uint32(tag(1)).string(version);
  request.uint32(tag(3)).string(resourceName);
  request.uint32(tag(4)).string(SECRET_TYPE_URL);
  request.uint32(tag(5)).string(nonce);
  return frame(request.finish());
}

/** The length-prefixed message of gRPC over HTTP/2, not compressed. */
export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.alloc(5 + message.length);
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, 5);
  return framed;
}

/** The key of a length-delimited field. */
function tag(field: number): number {
  return (field << 3) | 2;
}
