import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { inRepository } from '../ensure/repository.mjs';

const NAMESPACE = 'shop';
const GATEWAYS = 'gateways';
const NO_TOKEN = '--no-token';
const TOKEN_SECRET = '/etc/envoy/token.yaml';

/** The modes of `envoy-config`: its flags, and what is to be said about them. */
const MODES = {
  'google-grpc': {
    flags: ['--mode', 'google-grpc'],
    remark: "Google's gRPC client reads the token anew for each stream. Istio's node agent was asked like this.",
  },
  'envoy-grpc': {
    flags: ['--mode', 'envoy-grpc', '--token-secret-file', TOKEN_SECRET],
    remark: "Envoy's own gRPC client: one connection for all secrets. It reads the token again by a secret of its own.",
  },
  delta: { flags: ['--mode', 'delta'], remark: 'Incremental xDS: only what has changed is sent.' },
  ads: { flags: ['--mode', 'ads'], remark: 'One aggregated stream for all secrets.' },
  rest: {
    flags: ['--mode', 'rest', '--token-secret-file', TOKEN_SECRET],
    remark: 'Polls over HTTP/1.1, every two seconds.',
  },
  'without-token': {
    flags: ['--mode', 'envoy-grpc', NO_TOKEN],
    remark: "Envoy's own gRPC client, and no token: the agents need WORKLOAD_TOKENS=request.",
  },
};

/** The example workloads, a file for each mode and one for a gateway: `{ file, text }`, below examples/kubernetes. */
export function exampleWorkloads() {
  return [...Object.entries(MODES).map(sidecars), { file: 'gateway.yaml', text: gateway() }];
}

function sidecars([mode, { flags, remark }]) {
  const upstream = `api.${NAMESPACE}.svc:8443`;
  const documents = [
    namespace(NAMESPACE),
    ...sidecar({ name: 'api', role: 'server', peer: 'web', flags: [...flags, '--app', '127.0.0.1:8000'] }),
    service({ namespace: NAMESPACE, name: 'api', port: 8443 }),
    ...sidecar({ name: 'web', role: 'client', peer: 'api', flags: [...flags, '--upstream', upstream] }),
  ];
  const head = `# Two Envoys that talk mutual TLS, mode ${mode}. ${remark}
# Made by scripts/generate-deploy.mjs; the bootstraps are those of \`sds-node-agent envoy-config\`.`;
  return { file: `sidecars-${mode}.yaml`, text: `${head}\n${documents.join('\n---\n')}` };
}

/** A gateway that has its hosts' certificates from Secrets, and its own identity like any sidecar. */
function gateway() {
  const name = 'gateway';
  const bootstrap = readFileSync(inRepository('examples', 'gateway', 'envoy.yaml'), 'utf8');
  const documents = [
    namespace(GATEWAYS),
    serviceAccount({ namespace: GATEWAYS, name }),
    configMap({ namespace: GATEWAYS, name, files: { 'envoy.yaml': bootstrap } }),
    service({ namespace: GATEWAYS, name, port: 443, type: 'LoadBalancer' }),
    deployment({ namespace: GATEWAYS, name, listens: true, sockets: ['sds', 'sds-gateway'] }),
  ];
  const head = `# A gateway in a namespace of its own: examples/gateway/envoy.yaml in a pod. The agents need
# GATEWAY_SECRETS_NAMESPACE=${GATEWAYS} and deploy/optional/gateway-secrets.yaml.
# Made by scripts/generate-deploy.mjs.`;
  return `${head}\n${documents.join('\n---\n')}`;
}

function sidecar({ name, role, peer, flags }) {
  const identity = `spiffe://cluster.local/ns/${NAMESPACE}/sa/${peer}`;
  const common = ['--role', role, '--node-id', name, '--cluster', name, '--spiffe-id', identity];
  const files = { 'envoy.yaml': envoyConfig(...common, ...flags) };
  if (flags.includes(TOKEN_SECRET)) files['token.yaml'] = envoyConfig('--print-token-secret');
  const isServer = role === 'server';
  const app = isServer ? 'netexec, --http-port=8000' : 'pause';
  return [
    serviceAccount({ namespace: NAMESPACE, name }),
    configMap({ namespace: NAMESPACE, name, files }),
    deployment({
      namespace: NAMESPACE,
      name,
      app,
      listens: isServer,
      sockets: ['sds'],
      token: !flags.includes(NO_TOKEN),
    }),
  ];
}

function namespace(name) {
  return `apiVersion: v1
kind: Namespace
metadata:
  name: ${name}`;
}

function serviceAccount({ namespace, name }) {
  return `apiVersion: v1
kind: ServiceAccount
metadata:
  name: ${name}
  namespace: ${namespace}`;
}

function service({ namespace, name, port, type = 'ClusterIP' }) {
  return `apiVersion: v1
kind: Service
metadata:
  name: ${name}
  namespace: ${namespace}
spec:
  type: ${type}
  selector: {app: ${name}}
  ports:
    - {name: tls, port: ${port}, targetPort: tls}`;
}

function configMap({ namespace, name, files }) {
  const data = Object.entries(files).map(([file, text]) => `  ${file}: |\n${indented(text).trimEnd()}`);
  return `apiVersion: v1
kind: ConfigMap
metadata:
  name: ${name}-envoy
  namespace: ${namespace}
data:
${data.join('\n')}`;
}

/**
 * @param app arguments of the application beside Envoy; undefined: there is none
 * @param token whether the pod has one to show to the agent
 */
function deployment({ namespace, name, app, listens, sockets, token = true }) {
  const mounts = sockets.map(
    (socket) => `            - {name: ${socket}, mountPath: /var/run/${socket}, readOnly: true}`,
  );
  const volumes = sockets.map(
    (socket) => `        - name: ${socket}\n          hostPath: {path: /var/run/${socket}, type: Directory}`,
  );
  if (token) {
    mounts.push('            - {name: token, mountPath: /var/run/secrets/tokens, readOnly: true}');
    volumes.push(`        - name: token
          projected:
            sources:
              - serviceAccountToken: {path: istio-token, audience: istio-ca, expirationSeconds: 43200}`);
  }
  const beside = `        - name: app
          image: registry.k8s.io/e2e-test-images/agnhost:2.53
          args: [${app}]
          securityContext:
            allowPrivilegeEscalation: false
            capabilities: {drop: [ALL]}
`;
  const readiness = `          ports:
            - {name: tls, containerPort: 8443}
          # Envoy opens the port once it has its certificate.
          readinessProbe:
            tcpSocket: {port: tls}
`;
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
  namespace: ${namespace}
spec:
  replicas: 1
  selector:
    matchLabels: {app: ${name}}
  template:
    metadata:
      labels: {app: ${name}}
    spec:
      serviceAccountName: ${name}
      # Nothing here has business with the API server.
      automountServiceAccountToken: false
      securityContext:
        runAsNonRoot: true
        # The user of Envoy's image; the token's file is readable for this user and group alone.
        runAsUser: 101
        fsGroup: 101
        seccompProfile: {type: RuntimeDefault}
      containers:
${app === undefined ? '' : beside}        - name: envoy
          image: envoyproxy/envoy:v1.40.0
          args: [-c, /etc/envoy/envoy.yaml]
${listens ? readiness : ''}          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {drop: [ALL]}
          volumeMounts:
            - {name: envoy, mountPath: /etc/envoy, readOnly: true}
${mounts.join('\n')}
      volumes:
        - name: envoy
          configMap: {name: ${name}-envoy}
        # Directories, never the sockets: an agent that starts makes a new one.
${volumes.join('\n')}`;
}

function envoyConfig(...flags) {
  return execFileSync(process.execPath, [inRepository('bin', 'sds-node-agent'), 'envoy-config', ...flags], {
    encoding: 'utf8',
    env: {},
  });
}

function indented(text) {
  return text.replaceAll(/^(?=.)/gm, '    ');
}
