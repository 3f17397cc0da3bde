import { type IncomingMessage, type RequestOptions, request } from 'node:http';

export interface HttpResult {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Makes one request on a connection of its own. */
export async function http(options: RequestOptions, body?: string): Promise<HttpResult> {
  const response = await open(options, body);
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  return { status: response.statusCode, headers: response.headers, body: text };
}

/** Makes one request and gives the response while its body is still coming. */
export function open(options: RequestOptions, body?: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request({ agent: false, ...options }, resolve)
      .on('error', reject)
      .end(body);
  });
}
