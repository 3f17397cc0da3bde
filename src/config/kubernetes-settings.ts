import type { z } from 'zod';
import { isLoopbackHost } from './jwks-location.ts';
import type { Environment } from './process-environment.ts';
import { setting } from './setting.ts';
import type { KubernetesSettings } from './settings.ts';
import { kindOf, orEmpty, text } from './value-kind.ts';

/** Where Kubernetes mounts the service account of a pod. */
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The schema of the section "Kubernetes". */
export const kubernetesShape = {
  KUBERNETES_API_SERVER: setting(
    orEmpty(
      kindOf('a URL without a path: https, or http to a loopback address', parseServer),
      'that of the cluster that the agent runs in',
    ),
    '',
    'the Kubernetes API server',
  ),
  KUBERNETES_API_CA_FILE: setting(
    orEmpty(text('the path of a file'), `\`${SERVICE_ACCOUNT}/ca.crt\` in a cluster, else Node's own roots`),
    '',
    'the roots that verify the API server, in PEM; read again for each request',
  ),
  KUBERNETES_API_TOKEN_FILE: setting(
    orEmpty(text('the path of a file'), `\`${SERVICE_ACCOUNT}/token\` in a cluster, else none`),
    '',
    "the agent's own token for the API server; read again for each request",
  ),
  NODE_NAME: setting(
    orEmpty(text("a node's name")),
    '',
    'the node that the agent runs on, as the API server names it; needed for WORKLOAD_TOKENS=request',
  ),
};

type Values = z.output<z.ZodObject<typeof kubernetesShape>>;

/** @param env says whether this is a cluster: Kubernetes sets `KUBERNETES_SERVICE_HOST` and `_PORT` in every container */
export function toKubernetesSettings(values: Values, env: Environment): KubernetesSettings {
  const cluster = clusterServer(env);
  const server = values.KUBERNETES_API_SERVER ?? cluster;
  // The cluster's own credential goes to the cluster's own server alone, unless a setting says otherwise.
  const isCluster = cluster !== undefined && values.KUBERNETES_API_SERVER === undefined;
  return {
    api:
      server === undefined
        ? undefined
        : {
            server,
            caFile: values.KUBERNETES_API_CA_FILE ?? (isCluster ? `${SERVICE_ACCOUNT}/ca.crt` : undefined),
            tokenFile: values.KUBERNETES_API_TOKEN_FILE ?? (isCluster ? `${SERVICE_ACCOUNT}/token` : undefined),
          },
    nodeName: values.NODE_NAME,
  };
}

function clusterServer({ KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '' }: Environment) {
  if (host === '') return undefined;
  return `https://${host.includes(':') ? `[${host}]` : host}:${port === '' ? '443' : port}`;
}

function parseServer(given: string): string | undefined {
  if (!URL.canParse(given)) return undefined;
  const url = new URL(given);
  const isSafe = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname));
  return isSafe && url.href === `${url.origin}/` ? url.origin : undefined;
}
