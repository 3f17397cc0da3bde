import { AgentError } from '../core/agent-error.ts';

/**
 * Yields the lines of a stream, without their ends. The rest after the last line break is none: a server that breaks
 * off has not finished it.
 *
 * @throws AgentError `kubernetes-answer-invalid` for a longer line
 */
export async function* readLines(
  stream: AsyncIterable<Uint8Array>,
  longestBytes: number,
): AsyncGenerator<string, void, undefined> {
  let pieces: Buffer[] = [];
  let heldBytes = 0;
  for await (const chunk of stream) {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let end = rest.indexOf('\n'); end !== -1; end = rest.indexOf('\n')) {
      yield Buffer.concat([...pieces, rest.subarray(0, end)]).toString('utf8');
      rest = rest.subarray(end + 1);
      pieces = [];
      heldBytes = 0;
    }
    if (rest.length > 0) pieces.push(rest);
    heldBytes += rest.length;
    if (heldBytes > longestBytes) {
      const message = `the API server says more than ${longestBytes} bytes in one event of a watch`;
      throw new AgentError('kubernetes-answer-invalid', message);
    }
  }
}
