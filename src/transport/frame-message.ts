/** The compressed flag and the length, before each message (gRPC over HTTP/2, "Length-Prefixed-Message"). */
export const FRAME_HEADER_BYTES = 5;

/** A message with its prefix in one buffer, so that it is one write. Never compressed. */
export function frameMessage(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, FRAME_HEADER_BYTES);
  return frame;
}
