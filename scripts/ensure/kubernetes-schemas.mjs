import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pinnedWheels } from './pinned-wheels.mjs';

/**
 * Kubernetes' own API schemas, made from the OpenAPI document of each version: a folder of JSON schemas for each. Only
 * this data is used of the package, not its Python.
 */
export const kubernetesSchemas = pinnedWheels({
  name: "Kubernetes' schemas",
  variable: 'KUBERNETES_SCHEMAS',
  folder: 'kubernetes-schemas',
  wheel: 'kubernetes-validate',
  size: '23 MB',
  inside: join('kubernetes_validate', 'kubernetes-json-schema'),
  check(path, version) {
    if (readdirSync(path).includes(`v${version}-local-strict`)) return;
    throw new Error(`the wheel lacks the schemas of Kubernetes ${version}`);
  },
});
