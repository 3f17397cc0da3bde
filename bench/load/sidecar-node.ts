import { BinaryWriter } from '@bufbuild/protobuf/wire';

/** What Envoy 1.40 was seen to send with its first request of every stream, in bytes. */
const REAL_NODE_BYTES = 61_000;

const CATEGORIES = [
  'envoy.filters.http',
  'envoy.filters.network',
  'envoy.access_loggers',
  'envoy.transport_sockets.upstream',
  'envoy.load_balancing_policies',
  'envoy.matching.http.input',
  'envoy.stats_sinks',
  'envoy.tls.cert_validator',
];

/**
 * envoy.config.core.v3.Node as an Istio sidecar writes it: id, cluster, metadata, version and some 250 extensions,
 * which are what makes it large.
 */
export function sidecarNode(id: string): Uint8Array {
  const node = new BinaryWriter();
  node.uint32(tag(1)).string(id);
  node.uint32(tag(2)).string('web.shop');
  node.uint32(tag(3)).bytes(METADATA);
  node.uint32(tag(6)).string('envoy');
  node.raw(EXTENSIONS);
  return node.finish();
}

const METADATA = struct({
  APP_CONTAINERS: 'web,metrics',
  CLUSTER_ID: 'Kubernetes',
  INTERCEPTION_MODE: 'REDIRECT',
  ISTIO_VERSION: '1.28.0',
  MESH_ID: 'cluster.local',
  NAMESPACE: 'shop',
  NODE_NAME: 'node-17.example.internal',
  OWNER: 'kubernetes://apis/apps/v1/namespaces/shop/deployments/web',
  PILOT_SAN: 'istiod.istio-system.svc',
  POD_PORTS: '[{"containerPort":8080,"protocol":"TCP"},{"containerPort":9090,"name":"metrics","protocol":"TCP"}]',
  PROXY_CONFIG: JSON.stringify({ configPath: './etc/istio/proxy', statNameLength: 189, concurrency: 2 }),
  SERVICE_ACCOUNT: 'web',
  WORKLOAD_NAME: 'web',
});

const EXTENSIONS = extensions(REAL_NODE_BYTES - METADATA.length);

/** Field 9, over and over, until there are so many bytes. */
function extensions(bytes: number): Uint8Array {
  const all = new BinaryWriter();
  for (let index = 0, written = 0; written < bytes; index++) {
    const category = CATEGORIES[index % CATEGORIES.length] ?? '';
    const name = `${category}.extension_number_${index}`;
    const extension = new BinaryWriter();
    extension.uint32(tag(1)).string(name);
    extension.uint32(tag(2)).string(category);
    for (const place of ['envoy.config', 'envoy.extensions']) {
      extension.uint32(tag(6)).string(`${place}.${name.slice('envoy.'.length)}.v3.ExtensionNumber${index}`);
    }
    const encoded = extension.finish();
    all.uint32(tag(9)).bytes(encoded);
    written += encoded.length + 3;
  }
  return all.finish();
}

/** google.protobuf.Struct with text values. */
function struct(fields: Readonly<Record<string, string>>): Uint8Array {
  const all = new BinaryWriter();
  for (const [key, text] of Object.entries(fields)) {
    const value = new BinaryWriter().uint32(tag(3)).string(text).finish();
    all.uint32(tag(1)).bytes(new BinaryWriter().uint32(tag(1)).string(key).uint32(tag(2)).bytes(value).finish());
  }
  return all.finish();
}

/** The key of a length-delimited field. */
function tag(field: number): number {
  return (field << 3) | 2;
}
