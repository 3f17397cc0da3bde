import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pinnedBinary } from './pinned-binary.mjs';

/**
 * Kubernetes' own API schemas, made from the OpenAPI document of each version: a folder of JSON schemas for each. Only
 * this data is used of the package, not its Python.
 */
export const kubernetesSchemas = pinnedBinary({
  name: "Kubernetes' schemas",
  variable: 'KUBERNETES_SCHEMAS',
  folder: 'kubernetes-schemas',
  size: '23 MB',
  binary: join('kubernetes_validate', 'kubernetes-json-schema'),
  print: (path) => readdirSync(path).join(' '),
  printsVersion: (printed, version) => printed.split(' ').includes(`v${version}-local-strict`),
});
