import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { schemasFolder } from './deploy-tools.ts';
import type { Manifest } from './manifests.ts';

/** Where the schemas say that they are. */
const BASE = 'https://kubernetes.io';

/** The versions of Kubernetes whose schemas there are, oldest first. */
export function kubernetesVersions(): string[] {
  return readdirSync(schemasFolder())
    .flatMap((name) => /^v(1\.\d+\.0)-local-strict$/.exec(name)?.[1] ?? [])
    .sort((one, other) => Number(one.split('.')[1]) - Number(other.split('.')[1]));
}

/** The API of one version of Kubernetes, in which a field that it does not know is a fault. */
export class KubernetesSchema {
  readonly #folder: string;
  readonly #ajv: Ajv2020;
  readonly #validators = new Map<string, ValidateFunction>();

  constructor(version: string) {
    this.#folder = join(schemasFolder(), `v${version}-local-strict`);
    // Formats such as int32 say nothing that JSON would not.
    this.#ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
    this.#ajv.addSchema(this.#read('_definitions.json'), `${BASE}/api/_definitions.json`);
  }

  /** What is wrong with an object; nothing where all is well. */
  faultsOf(object: Manifest): readonly string[] {
    const { apiVersion, kind } = object;
    const slash = apiVersion.indexOf('/');
    // `rbac.authorization.k8s.io/v1` is called `rbac-v1` here.
    const [group = ''] = apiVersion.slice(0, Math.max(slash, 0)).split('.');
    const file = [kind.toLowerCase(), ...(group === '' ? [] : [group]), apiVersion.slice(slash + 1)].join('-');
    const validate = this.#validators.get(file) ?? this.#ajv.compile(this.#read(`${file}.json`));
    this.#validators.set(file, validate);
    const faults = validate(object) ? [] : (validate.errors ?? []);
    return [
      ...faults.map(({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`),
      ...nullsIn(object).map((path) => `${path} is null`),
    ];
  }

  #read(file: string): object {
    return JSON.parse(readFileSync(join(this.#folder, file), 'utf8'));
  }
}

/** The schemas take `null` for anything that may be left out; in a manifest it is a template that gave nothing. */
function nullsIn(value: unknown, path = ''): string[] {
  if (value === null) return [path];
  if (typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([name, item]) => nullsIn(item, `${path}/${name}`));
}
