import type { IncomingMessage } from 'node:http';

/** A request as it came. */
export interface SeenApiRequest {
  /** As in an access rule, such as `create tokenreviews`, `list pods`, `create serviceaccounts/token`, `get /openid/v1/jwks`. */
  readonly access: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly namespace: string;
  readonly name: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: ApiBody;
}

interface ApiBody {
  readonly spec?: {
    readonly token?: string;
    readonly audiences?: readonly string[];
    readonly expirationSeconds?: number;
    readonly resourceAttributes?: { readonly verb?: string; readonly resource?: string; readonly subresource?: string };
    readonly boundObjectRef?: { readonly kind?: string; readonly name?: string; readonly uid?: string };
  };
  /** Of a ConfigMap. */
  readonly data?: Readonly<Record<string, string>>;
}

/** Reads a request to its end. */
export async function readApiRequest(request: IncomingMessage): Promise<SeenApiRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const { method = '', url = '', headers } = request;
  const { pathname: path, searchParams: query } = new URL(url, 'http://localhost');
  const text = Buffer.concat(chunks).toString();
  const body = text === '' ? {} : JSON.parse(text);
  return { ...accessOf(method, path, query), path, query, headers, body };
}

/** What a path stands for (Kubernetes API Concepts, "Resource URIs"). */
function accessOf(method: string, path: string, query: URLSearchParams) {
  const [, rest] = /^\/(?:api|apis\/[^/]+)\/v1\/(.+)$/.exec(path) ?? [];
  if (rest === undefined) return { access: `${method.toLowerCase()} ${path}`, namespace: '', name: '' };
  const parts = rest.split('/').map(decodeURIComponent);
  const namespace = parts[0] === 'namespaces' && parts.length > 2 ? (parts.splice(0, 2)[1] ?? '') : '';
  const [resource = '', name = '', subresource] = parts;
  const reading = query.get('watch') === 'true' ? 'watch' : name === '' ? 'list' : 'get';
  const verb = { POST: 'create', PATCH: 'patch' }[method] ?? reading;
  return { access: `${verb} ${subresource === undefined ? resource : `${resource}/${subresource}`}`, namespace, name };
}
