import { type Agent, request } from 'node:http';

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** One HTTP/1.1 request over a unix socket. Rejects when it is not answered in time. */
export function httpOverUnix(
  socketPath: string,
  path: string,
  options: { readonly agent?: Agent; readonly timeoutMs?: number; readonly method?: string } = {},
): Promise<HttpAnswer> {
  const { timeoutMs = 5_000, method = 'GET', agent } = options;
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const sent = request({ socketPath, path, method, signal, ...(agent === undefined ? {} : { agent }) }, (answer) => {
      let body = '';
      answer.setEncoding('utf8');
      answer.on('data', (text: string) => {
        body += text;
      });
      answer.once('end', () => resolve({ status: answer.statusCode ?? 0, body }));
      answer.on('error', reject);
    });
    sent.on('error', reject);
    sent.end();
  });
}
