/**
 * Reads all of a stream into memory, but no more than so many bytes.
 *
 * @param onTooLarge makes the error to reject with when there are more
 */
export async function readBounded(
  stream: AsyncIterable<Uint8Array>,
  limitBytes: number,
  onTooLarge: () => Error,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > limitBytes) throw onTooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
