import { readdirSync, readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { inCheckout } from './checkout.ts';

/** An object of Kubernetes, as far as these tests look into it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Record<string, string> };
  readonly spec?: Record<string, unknown>;
  readonly rules?: readonly Rule[];
  readonly data?: Readonly<Record<string, string>>;
}

/** A rule of a Role or a ClusterRole. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** A pod's template, as far as these tests look into it. */
export interface PodSpec {
  readonly hostPID?: boolean;
  readonly hostNetwork?: boolean;
  readonly serviceAccountName?: string;
  readonly automountServiceAccountToken?: boolean;
  readonly priorityClassName?: string;
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: Record<string, unknown>;
  readonly tolerations?: readonly unknown[];
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
  readonly volumes: readonly Volume[];
}

export interface EnvironmentVariable {
  readonly name: string;
  readonly value?: string;
  /** In place of a value: what only the kubelet knows. */
  readonly valueFrom?: { readonly fieldRef?: { readonly fieldPath: string } };
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly EnvironmentVariable[];
  readonly securityContext: Record<string, unknown>;
  readonly resources: Record<'requests' | 'limits', { readonly cpu: string; readonly memory: string }>;
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
  readonly livenessProbe?: { readonly httpGet: { readonly path: string } };
  readonly readinessProbe?: { readonly httpGet: { readonly path: string } };
}

export interface Volume {
  readonly name: string;
  readonly hostPath?: { readonly path: string; readonly type: string };
  readonly configMap?: {
    readonly name: string;
    readonly items?: readonly { readonly key: string; readonly path: string }[];
  };
  readonly emptyDir?: object;
  readonly projected?: { readonly sources: readonly Record<string, unknown>[] };
}

/** The documents of a YAML text; broken YAML and keys that are there twice are errors. */
export function parseManifests(text: string): Manifest[] {
  const documents = parseAllDocuments(text);
  if ('empty' in documents) return [];
  return documents.flatMap((document) => {
    const [fault] = [...document.errors, ...document.warnings];
    if (fault !== undefined) throw fault;
    const value: Manifest | null = document.toJS();
    return value === null ? [] : [value];
  });
}

/** Every YAML file of a folder of the checkout, in the order that kubectl takes them. */
export function readManifests(...folder: readonly string[]): { readonly file: string; readonly objects: Manifest[] }[] {
  const names = readdirSync(inCheckout(...folder), { recursive: true, encoding: 'utf8' }).sort();
  return names
    .filter((name) => name.endsWith('.yaml') && !name.startsWith('chart/'))
    .map((name) => ({ file: name, objects: parseManifests(readFileSync(inCheckout(...folder, name), 'utf8')) }));
}

/** The pods that an object makes; undefined for one that makes none. */
export function podSpecOf({ kind, spec }: Manifest): PodSpec | undefined {
  if (kind === 'Pod') return spec as unknown as PodSpec;
  const template = (spec as { template?: { spec: PodSpec } } | undefined)?.template;
  return template?.spec;
}

/** The only object of a kind. */
export function onlyOne(objects: readonly Manifest[], kind: string): Manifest {
  const [found, ...others] = objects.filter((object) => object.kind === kind);
  if (found === undefined || others.length > 0) throw new Error(`${others.length + (found ? 1 : 0)} of kind ${kind}`);
  return found;
}

/** The pods of the only object of a kind. */
export function onlyPodSpec(objects: readonly Manifest[], kind: string): PodSpec {
  const spec = podSpecOf(onlyOne(objects, kind));
  if (spec === undefined) throw new Error(`${kind} makes no pods`);
  return spec;
}

/** The environment of a container, without what only the kubelet knows. */
export function environmentOf({ env = [] }: Container): Readonly<Record<string, string>> {
  return Object.fromEntries(env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])));
}
