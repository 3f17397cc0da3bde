/**
 * What is done to a resource, in the words of Kubernetes' access rules (RBAC). `patch` is a server-side apply, which
 * makes an object that is not there, and needs the right to `create` for that.
 */
export type ApiVerb = 'get' | 'list' | 'watch' | 'create' | 'patch';

/** A kind of object, or one object, or a subresource of one. */
export interface ApiResource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** In the plural, lower case, such as `pods`. */
  readonly resource: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
}

/** A request to the API server. */
export interface ApiRequest {
  readonly verb: ApiVerb;
  /** A resource, or a path that is none, such as `/openid/v1/jwks`. */
  readonly target: ApiResource | string;
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON; `Redacted` values in it are revealed then, and not before. */
  readonly body?: object;
}

/** The path and the query of a request (Kubernetes API Concepts, "Resource URIs"). */
export function toPath({ target, query = {} }: Pick<ApiRequest, 'target' | 'query'>): string {
  const search = new URLSearchParams(query).toString();
  return `${typeof target === 'string' ? target : resourcePath(target)}${search === '' ? '' : `?${search}`}`;
}

function resourcePath({ group, version, resource, namespace, name, subresource }: ApiResource): string {
  const parts = [
    ...(group === '' ? ['api', version] : ['apis', group, version]),
    ...(namespace === undefined ? [] : ['namespaces', namespace]),
    resource,
    ...(name === undefined ? [] : [name]),
    ...(subresource === undefined ? [] : [subresource]),
  ];
  return parts.map((part) => `/${encodeURIComponent(part)}`).join('');
}

/** The request in words, such as `create tokenreviews.authentication.k8s.io`. */
export function toWords({ verb, target }: Pick<ApiRequest, 'verb' | 'target'>): string {
  if (typeof target === 'string') return `${verb} ${target}`;
  const { group, namespace } = target;
  return `${verb} ${ruleResource(target)}${group === '' ? '' : `.${group}`}${namespace === undefined ? '' : ` in namespace ${namespace}`}`;
}

/** The rule of a Role or ClusterRole that allows the request, in YAML on one line. */
export function toAccessRule({ verb, target }: Pick<ApiRequest, 'verb' | 'target'>): string {
  if (typeof target === 'string') return `{nonResourceURLs: ["${target}"], verbs: ["${verb}"]}`;
  return `{apiGroups: ["${target.group}"], resources: ["${ruleResource(target)}"], verbs: ["${verb}"]}`;
}

function ruleResource({ resource, subresource }: ApiResource): string {
  return subresource === undefined ? resource : `${resource}/${subresource}`;
}
