import type { IncomingMessage } from 'node:http';
import { AgentError } from '../core/agent-error.ts';
import type { UnfinishedMessages } from './unfinished-messages.ts';

/**
 * The whole body of a request. Rejects with `request-too-large` as soon as that is certain, with `limit-exceeded`
 * when too much arrives at once, with `request-cancelled` when the rest never comes.
 */
export function readHttpBody(
  request: IncomingMessage,
  maxBytes: number,
  unfinished: UnfinishedMessages,
): Promise<Buffer> {
  const announced = Number(request.headers['content-length'] ?? maxBytes);
  return new Promise<Buffer>((resolve, reject) => {
    // Then its events have been already.
    if (request.destroyed) {
      reject(new AgentError('request-cancelled', 'the request broke off'));
      return;
    }
    const tooLarge = (): void => reject(new AgentError('request-too-large', `the body is over ${maxBytes} bytes`));
    if (announced > maxBytes) {
      tooLarge();
      return;
    }
    const chunks: Buffer[] = [];
    let bytes = 0;
    const holder = {
      giveUp: () => {
        chunks.length = 0;
        bytes = Number.POSITIVE_INFINITY;
        reject(new AgentError('limit-exceeded', 'too much is arriving at once: send it again a little later'));
      },
    };
    unfinished.hold(holder, announced);
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBytes) tooLarge();
      else chunks.push(chunk);
    });
    request.on('end', () => resolve(Buffer.concat(chunks)));
    request.on('error', (cause) => reject(new AgentError('request-cancelled', 'the request broke off', { cause })));
    request.on('close', () => unfinished.finish(holder));
  });
}
