import { randomUUID } from 'node:crypto';

/** An object as Kubernetes keeps it. Lists leave `kind` and `apiVersion` out, everything else has them. */
export interface KubeObject {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly creationTimestamp: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  /** Of pods. */
  readonly spec?: { readonly nodeName: string; readonly serviceAccountName: string };
  /** Of secrets and config maps. */
  readonly data?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

export interface ObjectEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: KubeObject;
  readonly before: KubeObject | undefined;
  readonly version: number;
}

export interface NewObject {
  readonly namespace: string;
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly uid?: string;
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** The objects of one resource, and what has happened to them since the last compaction. */
export class ObjectStore {
  readonly kind: string;
  readonly #nextVersion: () => number;
  readonly #objects = new Map<string, KubeObject>();
  readonly #listeners = new Set<(event: ObjectEvent) => void>();
  #events: ObjectEvent[] = [];
  /** Changes up to this version are forgotten. */
  compactedTo = 0;

  constructor(kind: string, nextVersion: () => number) {
    this.kind = kind;
    this.#nextVersion = nextVersion;
  }

  get watchers(): number {
    return this.#listeners.size;
  }

  get(namespace: string, name: string): KubeObject | undefined {
    return this.#objects.get(`${namespace}/${name}`);
  }

  /** In the order of their keys, as etcd has them. */
  values(): KubeObject[] {
    return [...this.#objects.keys()].sort().flatMap((key) => this.#objects.get(key) ?? []);
  }

  /** Makes an object, or changes the one of this name; the UID stays then. */
  put({ namespace, name, labels, uid, fields = {} }: NewObject): KubeObject {
    const before = this.get(namespace, name);
    const version = this.#nextVersion();
    const object: KubeObject = {
      kind: this.kind,
      apiVersion: 'v1',
      metadata: {
        name,
        namespace,
        uid: before?.metadata.uid ?? uid ?? randomUUID(),
        resourceVersion: String(version),
        creationTimestamp: '2030-01-01T00:00:00Z',
        ...(labels && { labels }),
      },
      ...fields,
    };
    this.#objects.set(`${namespace}/${name}`, object);
    this.#tell({ type: before === undefined ? 'ADDED' : 'MODIFIED', object, before, version });
    return object;
  }

  delete(namespace: string, name: string): void {
    const before = this.get(namespace, name);
    if (before === undefined) return;
    const version = this.#nextVersion();
    this.#objects.delete(`${namespace}/${name}`);
    const object = { ...before, metadata: { ...before.metadata, resourceVersion: String(version) } };
    this.#tell({ type: 'DELETED', object, before, version });
  }

  /** Forgets what has happened: who resumes a watch from before gets 410. */
  compact(version: number): void {
    this.compactedTo = version;
    this.#events = [];
  }

  /** Tells what has happened after this version, then what happens. Gives a function that ends it. */
  follow(version: number, listener: (event: ObjectEvent) => void): () => void {
    for (const event of this.#events) if (event.version > version) listener(event);
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(event: ObjectEvent): void {
    this.#events.push(event);
    for (const listener of this.#listeners) listener(event);
  }
}

/**
 * What selectors a request narrows a list with; undefined for a field that Kubernetes does not know.
 * Labels: `a=b`, `a==b`, `a!=b`, `a`, `!a`, `a in (b,c)`.
 */
export function toSelector(
  kind: string,
  fieldSelector: string,
  labelSelector: string,
): ((object: KubeObject) => boolean) | undefined {
  const tests: ((object: KubeObject) => boolean)[] = [];
  for (const term of fieldSelector.split(',').filter(Boolean)) {
    const [, path = '', operator, value = ''] = /^([^=!]+)(==|=|!=)(.*)$/.exec(term) ?? [];
    if (!(FIELDS[kind] ?? []).includes(path)) return undefined;
    tests.push((object) => (fieldOf(object, path) === value) === (operator !== '!='));
  }
  for (const term of labelSelector.split(/,(?![^(]*\))/).filter(Boolean)) tests.push(toLabelTest(term.trim()));
  return (object) => tests.every((isFitting) => isFitting(object));
}

const FIELDS: Readonly<Record<string, readonly string[]>> = {
  Pod: ['metadata.name', 'metadata.namespace', 'spec.nodeName', 'spec.serviceAccountName', 'status.phase'],
  Secret: ['metadata.name', 'metadata.namespace', 'type'],
  ServiceAccount: ['metadata.name', 'metadata.namespace'],
};

function fieldOf(object: unknown, path: string): unknown {
  let found = object;
  for (const name of path.split('.')) found = typeof found === 'object' && found ? Reflect.get(found, name) : undefined;
  return found ?? '';
}

function toLabelTest(term: string): (object: KubeObject) => boolean {
  const [, listed, list] = /^(\S+) in \((.*)\)$/.exec(term) ?? [];
  const [, key, operator, value] = /^([^=!\s]+)(==|=|!=)(.*)$/.exec(term) ?? [];
  return ({ metadata: { labels = {} } }) => {
    if (listed !== undefined) return (list ?? '').split(',').includes(labels[listed] ?? '\0');
    if (key !== undefined) return (labels[key] === value) === (operator !== '!=');
    return term.startsWith('!') ? labels[term.slice(1)] === undefined : labels[term] !== undefined;
  };
}
