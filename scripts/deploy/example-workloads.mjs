import { execFileSync } from 'node:child_process';
import { inRepository } from '../ensure/repository.mjs';

const NAMESPACE = 'shop';
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
};

/** The example workloads, a file for each mode: `{ file, text }`, below examples/kubernetes. */
export function exampleWorkloads() {
  return Object.entries(MODES).map(([mode, { flags, remark }]) => ({
    file: `sidecars-${mode}.yaml`,
    text: [
      `# Two Envoys that talk mutual TLS, mode ${mode}. ${remark}`,
      '# Made by scripts/generate-deploy.mjs; the bootstraps are those of `sds-node-agent envoy-config`.',
      namespace(),
      ...workload({ name: 'api', role: 'server', peer: 'web', flags: [...flags, '--app', '127.0.0.1:8000'] }),
      service('api'),
      ...workload({
        name: 'web',
        role: 'client',
        peer: 'api',
        flags: [...flags, '--upstream', `api.${NAMESPACE}.svc:8443`],
      }),
    ]
      .join('\n')
      .replaceAll(/[ \t]+$/gm, ''),
  }));
}

function namespace() {
  return `apiVersion: v1
kind: Namespace
metadata:
  name: ${NAMESPACE}`;
}

function service(name) {
  return `---
apiVersion: v1
kind: Service
metadata:
  name: ${name}
  namespace: ${NAMESPACE}
spec:
  selector: {app: ${name}}
  ports:
    - {name: mtls, port: 8443, targetPort: mtls}`;
}

function workload({ name, role, peer, flags }) {
  const identity = `spiffe://cluster.local/ns/${NAMESPACE}/sa/${peer}`;
  const bootstrap = envoyConfig(
    '--role',
    role,
    '--node-id',
    name,
    '--cluster',
    name,
    '--spiffe-id',
    identity,
    ...flags,
  );
  const tokenSecret = flags.includes(TOKEN_SECRET) ? envoyConfig('--print-token-secret') : undefined;
  return [
    `---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: ${name}
  namespace: ${NAMESPACE}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: ${name}-envoy
  namespace: ${NAMESPACE}
data:
  envoy.yaml: |
${indented(bootstrap)}${tokenSecret === undefined ? '' : `  token.yaml: |\n${indented(tokenSecret)}`}---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
  namespace: ${NAMESPACE}
spec:
  replicas: 1
  selector:
    matchLabels: {app: ${name}}
  template:
    metadata:
      labels: {app: ${name}}
    spec:
      serviceAccountName: ${name}
      # The application has no business with the API server.
      automountServiceAccountToken: false
      securityContext:
        runAsNonRoot: true
        # The user of Envoy's image; the token's file is readable for this user and group alone.
        runAsUser: 101
        fsGroup: 101
        seccompProfile: {type: RuntimeDefault}
      containers:
        - name: app
          image: registry.k8s.io/e2e-test-images/agnhost:2.53
          args: [${role === 'server' ? 'netexec, --http-port=8000' : 'pause'}]
          securityContext:
            allowPrivilegeEscalation: false
            capabilities: {drop: [ALL]}
        - name: envoy
          image: envoyproxy/envoy:v1.40.0
          args: [-c, /etc/envoy/envoy.yaml]${
            role === 'server'
              ? `
          ports:
            - {name: mtls, containerPort: 8443}
          # Envoy opens the port once it has its certificate.
          readinessProbe:
            tcpSocket: {port: mtls}`
              : ''
          }
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {drop: [ALL]}
          volumeMounts:
            - {name: envoy, mountPath: /etc/envoy, readOnly: true}
            - {name: sds, mountPath: /var/run/sds, readOnly: true}
            - {name: token, mountPath: /var/run/secrets/tokens, readOnly: true}
      volumes:
        - name: envoy
          configMap: {name: ${name}-envoy}
        # The directory, never the socket: an agent that starts makes a new one.
        - name: sds
          hostPath: {path: /var/run/sds, type: Directory}
        - name: token
          projected:
            sources:
              - serviceAccountToken: {path: istio-token, audience: istio-ca, expirationSeconds: 43200}`,
  ];
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
