import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { Informer } from './informer.ts';
import type { KubernetesClient } from './kubernetes-client.ts';
import { readText } from './read-path.ts';

/** How long a pod may take to become known: a container can run a moment before the watch tells of its pod. */
const PATIENCE_MS = 5000;

/** A pod of this node. */
export interface NodePod {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly serviceAccount: string;
}

export interface PodDirectoryOptions {
  readonly client: Pick<KubernetesClient, 'ask' | 'watch'>;
  readonly nodeName: string;
  /** A pod has been deleted, or its name belongs to another one. */
  readonly onGone: (uid: string) => void;
  readonly clock: Clock;
  readonly log: Log;
  /** A number in [0, 1). */
  readonly random: () => number;
}

/** The pods of one node by their UIDs, as the API server knows them. */
export class PodDirectory {
  readonly #informer: Informer<string>;
  readonly #clock: Clock;
  readonly #byUid = new Map<string, NodePod>();
  /** Those who wait for a pod, each with what ends that. */
  readonly #waiting = new Set<{ readonly uid: string; readonly wake: () => void }>();

  constructor({ nodeName, onGone, ...options }: PodDirectoryOptions) {
    const forget = (uid: string): void => {
      this.#byUid.delete(uid);
      onGone(uid);
    };
    this.#clock = options.clock;
    this.#informer = new Informer({
      ...options,
      resource: { group: '', version: 'v1', resource: 'pods' },
      selectors: { fieldSelector: `spec.nodeName=${nodeName}` },
      toItem: (pod) => readText(pod, 'spec', 'serviceAccountName'),
      listener: {
        set: ({ uid, namespace, name, item: serviceAccount }, before) => {
          if (before !== undefined && before.uid !== uid) forget(before.uid);
          this.#byUid.set(uid, { uid, namespace, name, serviceAccount });
          for (const { uid: wanted, wake } of this.#waiting) if (wanted === uid) wake();
        },
        deleted: ({ uid }) => forget(uid),
      },
    });
  }

  /** Whether all pods that were there at one time are known. It stays true from then on. */
  get isSynced(): boolean {
    return this.#informer.isSynced;
  }

  /** Follows the pods until the signal aborts. Never rejects. */
  run(signal: AbortSignal): Promise<void> {
    return this.#informer.run(signal);
  }

  has(uid: string): boolean {
    return this.#byUid.has(uid);
  }

  /** The pod; one that is not known is waited for, a few seconds. Undefined too when the signal aborts. */
  async find(uid: string, signal: AbortSignal): Promise<NodePod | undefined> {
    const known = this.#byUid.get(uid);
    if (known !== undefined) return known;
    const over = new AbortController();
    const wake = (): void => over.abort();
    const waiting = { uid, wake };
    this.#waiting.add(waiting);
    signal.addEventListener('abort', wake, { once: true });
    if (signal.aborted) wake();
    await this.#clock.sleep(PATIENCE_MS, over.signal);
    signal.removeEventListener('abort', wake);
    this.#waiting.delete(waiting);
    return this.#byUid.get(uid);
  }
}
