import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../../src/core/clock.ts';
import {
  type CannedApiAnswer,
  expired,
  failure,
  notFound,
  refuseBinding,
  unknownField,
} from './kubernetes/api-answers.ts';
import { readApiRequest, type SeenApiRequest } from './kubernetes/api-requests.ts';
import { type KubeObject, ObjectStore, toSelector } from './kubernetes/kubernetes-objects.ts';
import { type Authentication, KubernetesTokens } from './kubernetes/kubernetes-tokens.ts';

export interface KubernetesApiOptions {
  readonly clock: Clock;
  /** Chain and key of the server; left out: plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

interface Watch {
  readonly send: (event: object) => void;
  readonly end: () => void;
  readonly kind: string;
}

const RESOURCES: Readonly<Record<string, string>> = {
  pods: 'Pod',
  secrets: 'Secret',
  serviceaccounts: 'ServiceAccount',
  configmaps: 'ConfigMap',
};

/**
 * A Kubernetes API server that works, over real HTTP: service accounts, pods, secrets and config maps; TokenReview and
 * TokenRequest; lists, and watches with bookmarks and 410; server-side apply of config maps. Shapes and words are those of a real 1.36. Who calls needs
 * a token of a service account (`agentToken`); it may do everything that is not in `forbidden`. Its fields are the
 * knobs of a test.
 */
export class KubernetesApi implements AsyncDisposable {
  readonly seen: SeenApiRequest[] = [];
  /** What nobody may do, such as `create tokenreviews`. */
  readonly forbidden = new Set<string>();
  /** Who may do nothing, by user name. */
  readonly powerless = new Set<string>();
  /** Answers in place of what would be answered. */
  answer: (request: SeenApiRequest) => CannedApiAnswer | 'hang' | undefined = () => undefined;
  /** Waited for before anything is answered. */
  before: (request: SeenApiRequest) => Promise<void> = async () => {};
  /** No token lives longer. */
  maxTokenSeconds = 48 * 3600;
  /** Lists of version 0 are cut into pages as well; a real server does that while its memory is not filled yet. */
  pagesFromMemory = false;
  /** Connections that were ever made. */
  connections = 0;
  openRequests = 0;
  readonly tokens: KubernetesTokens;
  readonly #clock: Clock;
  readonly #server: Server;
  readonly #scheme: 'http' | 'https';
  readonly #stores: ReadonlyMap<string, ObjectStore>;
  readonly #watches = new Set<Watch>();
  /** Which keys of a config map a manager has applied. */
  readonly #applied = new Map<string, ReadonlySet<string>>();
  #port = 0;
  #version = 100;

  private constructor({ clock, tls }: KubernetesApiOptions) {
    this.#clock = clock;
    const nextVersion = () => ++this.#version;
    this.#stores = new Map(
      Object.entries(RESOURCES).map(([resource, kind]) => [resource, new ObjectStore(kind, nextVersion)]),
    );
    this.tokens = new KubernetesTokens(clock, this.store('pods'), this.store('serviceaccounts'));
    this.addServiceAccount('sds-system', 'sds-node-agent');
    this.#scheme = tls === undefined ? 'http' : 'https';
    const listener = (request: IncomingMessage, response: ServerResponse): void => void this.#serve(request, response);
    this.#server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
    this.#server.on(tls === undefined ? 'connection' : 'secureConnection', () => this.connections++);
  }

  static async start(options: KubernetesApiOptions): Promise<KubernetesApi> {
    const api = new KubernetesApi(options);
    await api.listen();
    return api;
  }

  get url(): string {
    return `${this.#scheme}://localhost:${this.#port}`;
  }

  /** Watches that are open. */
  get watches(): number {
    return this.#watches.size;
  }

  store(resource: 'pods' | 'secrets' | 'serviceaccounts' | 'configmaps'): ObjectStore {
    const store = this.#stores.get(resource);
    if (store === undefined) throw new Error(`no store of ${resource}`);
    return store;
  }

  /** A new token of the agent's own service account. */
  agentToken(seconds = 3600): string {
    const serviceAccount = this.#serviceAccount('sds-system', 'sds-node-agent');
    return this.tokens.mint({ serviceAccount, seconds });
  }

  addServiceAccount(namespace: string, name: string): KubeObject {
    return this.store('serviceaccounts').put({ namespace, name });
  }

  /** A pod that runs on a node; its service account is made if there is none yet. */
  addPod(namespace: string, name: string, serviceAccount: string, nodeName = 'node-1'): KubeObject {
    const accounts = this.store('serviceaccounts');
    if (accounts.get(namespace, serviceAccount) === undefined) this.addServiceAccount(namespace, serviceAccount);
    const spec = { nodeName, serviceAccountName: serviceAccount, containers: [{ name: 'main', image: 'main' }] };
    return this.store('pods').put({ namespace, name, fields: { spec, status: { phase: 'Running' } } });
  }

  /** A token as kubelet projects it into a pod. */
  podToken(pod: KubeObject, audiences: readonly string[] = ['istio-ca'], seconds = 3600): string {
    const { namespace } = pod.metadata;
    const serviceAccount = this.#serviceAccount(namespace, pod.spec?.serviceAccountName ?? '');
    return this.tokens.mint({ serviceAccount, pod, audiences, seconds });
  }

  /** How often this was asked for, such as `create tokenreviews`. */
  count(access: string): number {
    return this.seen.filter((request) => request.access === access).length;
  }

  /** Tells every watch how far it has come. */
  bookmark(): void {
    for (const { kind, send } of this.#watches) send(this.#bookmarkOf(kind));
  }

  /** Ends every watch as a server does when their time is over. */
  endWatches(): void {
    for (const { end } of [...this.#watches]) end();
  }

  /** Forgets everything that has happened so far: who resumes a watch from before gets 410. */
  compact(): void {
    this.#version++;
    for (const store of this.#stores.values()) store.compact(this.#version);
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, 'localhost', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Goes down; `listen` brings it back on the same port. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  /** Cuts every connection off, as a proxy does that has had enough. */
  dropConnections(): void {
    this.#server.closeAllConnections();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.openRequests++;
    response.once('close', () => this.openRequests--);
    const seen = await readApiRequest(request);
    this.seen.push(seen);
    await this.before(seen);
    const answer = this.answer(seen) ?? this.#refuse(seen) ?? this.#handle(seen, response);
    if (answer === 'hang' || answer === 'watch') return;
    const { status, headers = {}, body } = answer;
    const isText = typeof body === 'string' || body === undefined;
    response.writeHead(status, { ...(isText ? {} : { 'content-type': 'application/json' }), ...headers });
    response.end(isText ? body : `${JSON.stringify(body)}\n`);
  }

  #refuse({ access, namespace, name, headers }: SeenApiRequest): CannedApiAnswer | undefined {
    const caller = this.#caller(headers);
    if ('error' in caller) return failure(401, 'Unauthorized', 'Unauthorized');
    // Everybody may ask what he may do (ClusterRole `system:basic-user`).
    if (access === 'create selfsubjectaccessreviews') return undefined;
    if (!this.forbidden.has(access) && !this.powerless.has(caller.user.username)) return undefined;
    const [verb = '', resource = ''] = access.split(' ');
    const [kind = ''] = resource.split('/');
    const group = kind === 'tokenreviews' ? 'authentication.k8s.io' : '';
    const what = `${kind}${group && `.${group}`}${name && ` "${name}"`}`;
    const where = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`;
    const who = `User "${caller.user.username}" cannot ${verb}`;
    if (resource.startsWith('/')) return failure(403, 'Forbidden', `forbidden: ${who} path "${resource}"`);
    const message = `${what} is forbidden: ${who} resource "${resource}" in API group "${group}" ${where}`;
    return failure(403, 'Forbidden', message, { ...(name && { name }), ...(group && { group }), kind });
  }

  #handle(request: SeenApiRequest, response: ServerResponse): CannedApiAnswer | 'watch' {
    const [verb = '', resource = ''] = request.access.split(' ');
    switch (request.access) {
      case 'create tokenreviews':
        return this.#reviewToken(request);
      case 'create serviceaccounts/token':
        return this.#requestToken(request);
      case 'create selfsubjectaccessreviews':
        return this.#reviewAccess(request);
      case 'patch configmaps':
        return this.#applyConfigMap(request);
      case 'get /openid/v1/jwks':
        return this.#keySet(request);
      default:
    }
    const store = this.#stores.get(resource);
    if (store === undefined) return { status: 404, body: '404 page not found\n' };
    if (verb === 'list') return this.#list(store, request);
    if (verb === 'watch') return this.#watch(store, request, response);
    const found = store.get(request.namespace, request.name);
    if (found !== undefined) return { status: 200, body: found };
    return failure(404, 'NotFound', `${resource} "${request.name}" not found`, { name: request.name, kind: resource });
  }

  #reviewAccess({ headers, body: { spec = {} } }: SeenApiRequest): CannedApiAnswer {
    const { verb = '', resource = '', subresource } = spec.resourceAttributes ?? {};
    const access = `${verb} ${subresource === undefined ? resource : `${resource}/${subresource}`}`;
    const caller = this.#caller(headers);
    const isPowerless = 'user' in caller && this.powerless.has(caller.user.username);
    const head = { kind: 'SelfSubjectAccessReview', apiVersion: 'authorization.k8s.io/v1', metadata: {} };
    return { status: 201, body: { ...head, spec, status: { allowed: !isPowerless && !this.forbidden.has(access) } } };
  }

  #caller({ authorization = '' }: SeenApiRequest['headers']): Authentication {
    return this.tokens.authenticate(authorization.replace(/^Bearer /, ''), []);
  }

  #keySet({ headers: { accept = '*/*' } }: SeenApiRequest): CannedApiAnswer {
    const kind = 'application/jwk-set+json';
    if (accept.includes(kind) || accept.includes('*/*')) {
      return { status: 200, headers: { 'content-type': kind }, body: this.tokens.jwks };
    }
    const message = 'only the following media types are accepted: application/jwk-set+json';
    return failure(406, 'NotAcceptable', message);
  }

  #reviewToken({ body: { spec = {} } }: SeenApiRequest): CannedApiAnswer {
    const { token = '', audiences = [] } = spec;
    if (token === '') return failure(400, 'BadRequest', 'token is required for TokenReview in authentication');
    const found = this.tokens.authenticate(token, audiences);
    const status = 'error' in found ? { user: {}, error: found.error } : { authenticated: true, ...found };
    const head = { kind: 'TokenReview', apiVersion: 'authentication.k8s.io/v1', metadata: {} };
    return { status: 201, body: { ...head, spec, status } };
  }

  #requestToken({ namespace, name, body: { spec = {} } }: SeenApiRequest): CannedApiAnswer {
    const { audiences, expirationSeconds = 3600, boundObjectRef } = spec;
    const serviceAccount = this.store('serviceaccounts').get(namespace, name);
    if (serviceAccount === undefined) return notFound('serviceaccounts', name);
    if (expirationSeconds < 600) {
      const fault = `Invalid value: ${expirationSeconds}: may not specify a duration less than 10 minutes`;
      return failure(
        422,
        'Invalid',
        `TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: ${fault}`,
      );
    }
    const pod = boundObjectRef && this.store('pods').get(namespace, boundObjectRef.name ?? '');
    if (boundObjectRef !== undefined) {
      if (pod === undefined) return notFound('pods', boundObjectRef.name ?? '');
      const refusal = refuseBinding(pod, serviceAccount, boundObjectRef.uid);
      if (refusal !== undefined) return refusal;
    }
    const seconds = Math.min(expirationSeconds, this.maxTokenSeconds);
    const token = this.tokens.mint({ serviceAccount, pod, seconds, ...(audiences && { audiences }) });
    const head = { kind: 'TokenRequest', apiVersion: 'authentication.k8s.io/v1', metadata: { name, namespace } };
    const expirationTimestamp = new Date(this.#clock.now() + seconds * 1000).toISOString().replace(/\.\d+/, '');
    return {
      status: 201,
      body: { ...head, spec: { ...spec, expirationSeconds: seconds }, status: { token, expirationTimestamp } },
    };
  }

  /** A server-side apply: keys that this manager has applied before and does not any more are removed. */
  #applyConfigMap({ namespace, name, query, headers, body: { data = {} } }: SeenApiRequest): CannedApiAnswer {
    if (headers['content-type'] !== 'application/apply-patch+yaml') {
      return failure(415, 'UnsupportedMediaType', 'the body of the request was in an unknown format');
    }
    const manager = query.get('fieldManager');
    if (manager === null) return failure(400, 'BadRequest', 'fieldManager is required for apply patch');
    if (this.forbidden.has('create configmaps') && this.store('configmaps').get(namespace, name) === undefined) {
      return failure(403, 'Forbidden', `configmaps "${name}" is forbidden: cannot create resource "configmaps"`);
    }
    const before = this.store('configmaps').get(namespace, name);
    const owner = `${manager} ${namespace}/${name}`;
    const others = Object.entries(before?.data ?? {}).filter(([key]) => !this.#applied.get(owner)?.has(key));
    this.#applied.set(owner, new Set(Object.keys(data)));
    const fields = { data: { ...Object.fromEntries(others), ...data } };
    const object = this.store('configmaps').put({ namespace, name, fields });
    return { status: before === undefined ? 201 : 200, body: object };
  }

  /** Pages are cut only where the list is read from etcd: a server's memory gives everything at once. */
  #list(store: ObjectStore, { namespace, query }: SeenApiRequest): CannedApiAnswer {
    const isFitting = selectorOf(store, query);
    if (isFitting === undefined) return unknownField(query);
    const { version, after } = parseContinue(query.get('continue')) ?? { version: this.#version, after: '' };
    if (version < store.compactedTo) return expired('The provided continue parameter is too old');
    const all = store
      .values()
      .filter((object) => isFitting(object) && inNamespace(object, namespace) && keyOf(object) > after);
    const isWhole = query.get('resourceVersion') === '0' && !this.pagesFromMemory;
    const limit = isWhole ? all.length : Number(query.get('limit') ?? all.length);
    const page = all.slice(0, limit);
    const last = page.at(-1);
    const rest = all.length - page.length;
    const more = rest > 0 && last ? { continue: toContinue(version, keyOf(last)), remainingItemCount: rest } : {};
    const items = page.map(({ kind: _, apiVersion: __, ...item }) => item);
    const metadata = { resourceVersion: String(version), ...more };
    return { status: 200, body: { kind: `${store.kind}List`, apiVersion: 'v1', metadata, items } };
  }

  #watch(
    store: ObjectStore,
    { namespace, query }: SeenApiRequest,
    response: ServerResponse,
  ): CannedApiAnswer | 'watch' {
    const isFitting = selectorOf(store, query);
    if (isFitting === undefined) return unknownField(query);
    const version = Number(query.get('resourceVersion') ?? 0);
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    const send = (event: object): void => void response.write(`${JSON.stringify(event)}\n`);
    if (version < store.compactedTo) {
      const body = expired(`too old resource version: ${version} (${store.compactedTo})`).body;
      response.end(`${JSON.stringify({ type: 'ERROR', object: body })}\n`);
      return 'watch';
    }
    const wanted = (object: KubeObject | undefined): object is KubeObject =>
      object !== undefined && isFitting(object) && inNamespace(object, namespace);
    const unfollow = store.follow(version, ({ type, object, before }) => {
      const [is, was] = [type !== 'DELETED' && wanted(object), wanted(before)];
      // An object that does not fit any more is deleted for who watches, and one that fits now is added.
      if (is || was) send({ type: is ? (was ? 'MODIFIED' : 'ADDED') : 'DELETED', object });
    });
    const over = new AbortController();
    const end = (): void => void response.end();
    const watch = { send, end, kind: store.kind };
    this.#watches.add(watch);
    response.once('close', () => {
      unfollow();
      over.abort();
      this.#watches.delete(watch);
    });
    void this.#clock.sleep(Number(query.get('timeoutSeconds') ?? 1800) * 1000, over.signal).then(end);
    return 'watch';
  }

  #bookmarkOf(kind: string): object {
    const metadata = { resourceVersion: String(this.#version), creationTimestamp: null };
    return { type: 'BOOKMARK', object: { kind, apiVersion: 'v1', metadata } };
  }

  #serviceAccount(namespace: string, name: string): KubeObject {
    return this.store('serviceaccounts').get(namespace, name) ?? this.addServiceAccount(namespace, name);
  }
}

function selectorOf({ kind }: ObjectStore, query: URLSearchParams): ((object: KubeObject) => boolean) | undefined {
  return toSelector(kind, query.get('fieldSelector') ?? '', query.get('labelSelector') ?? '');
}

function inNamespace({ metadata }: KubeObject, namespace: string): boolean {
  return namespace === '' || metadata.namespace === namespace;
}

function keyOf({ metadata }: KubeObject): string {
  return `${metadata.namespace}/${metadata.name}`;
}

function toContinue(version: number, after: string): string {
  return Buffer.from(JSON.stringify({ version, after })).toString('base64url');
}

function parseContinue(token: string | null): { version: number; after: string } | undefined {
  return token === null ? undefined : JSON.parse(Buffer.from(token, 'base64url').toString());
}
