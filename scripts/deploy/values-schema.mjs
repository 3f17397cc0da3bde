/** Names of the settings that the chart accepts, by their environment variables. */
export async function settingNames(load) {
  const { settingsByName } = await load('config/sections.js');
  return [...settingsByName.keys()].sort();
}

const text = { type: 'string' };
const bool = { type: 'boolean' };
const anything = { type: 'object' };
const labels = { type: 'object', additionalProperties: text };
const scalar = { type: ['string', 'number', 'boolean'] };

/**
 * The chart's values.schema.json: what `values.yaml` may be overridden with. Kubernetes' own types are left to
 * Kubernetes, settings are those of this build, and Istio's old values are accepted whatever they hold.
 */
export function valuesSchema(names) {
  const settings = {
    type: 'object',
    propertyNames: { anyOf: [{ enum: names }, { pattern: '^CA_HEADER_.' }] },
    additionalProperties: scalar,
  };
  const pod = { nodeSelector: labels, tolerations: { type: 'array' }, affinity: anything };
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    ...object({
      image: object({
        repository: text,
        tag: text,
        digest: { type: 'string', pattern: '^(sha256:[0-9a-f]{64})?$' },
        pullPolicy: { enum: ['Always', 'IfNotPresent', 'Never'] },
      }),
      imagePullSecrets: { type: 'array', items: object({ name: text }) },
      preset: { enum: ['', 'ca', 'istiod', 'istio-csr', 'vault', 'embedded', 'custom'] },
      settings,
      caRoot: object({ configMap: text, key: text }),
      tokenless: bool,
      gatewaySecrets: object({ namespace: text, socket: { type: 'string', pattern: '^/.+/.+' } }),
      policy: anything,
      hostPID: bool,
      user: { type: 'integer', minimum: 1 },
      resources: anything,
      priorityClassName: text,
      criticalPodsQuota: bool,
      ...pod,
      updateStrategy: anything,
      terminationGracePeriodSeconds: { type: 'integer', minimum: 1 },
      podAnnotations: labels,
      podLabels: labels,
      seLinuxOptions: anything,
      extraVolumes: { type: 'array', items: anything },
      extraVolumeMounts: { type: 'array', items: anything },
      ca: object({
        extraDnsNames: { type: 'array', items: text },
        listen: { type: 'string', pattern: ':[0-9]+$' },
        maxTtl: text,
        settings,
        storage: object({ existingClaim: text, storageClassName: text, size: text }),
        resources: anything,
        priorityClassName: text,
        ...pod,
      }),
      prometheusAnnotations: bool,
      podMonitor: object({ enabled: bool, labels, interval: text }),
      prometheusRule: object({ enabled: bool, labels }),
      networkPolicy: object({ enabled: bool, monitoringFrom: { type: 'array', items: anything } }),
      namespace: object({ create: bool }),
      nodeagent: {
        type: 'object',
        properties: {
          enabled: bool,
          image: text,
          env: { type: 'object', additionalProperties: { type: [...scalar.type, 'null'] } },
        },
      },
      global: anything,
    }),
  };
}

function object(properties) {
  return { type: 'object', additionalProperties: false, properties };
}
