import type { Clock } from '../core/clock.ts';
import { GATEWAY_LABEL, type KubernetesSecretData, type KubernetesSecrets } from '../core/kubernetes-secrets.ts';
import type { Log } from '../core/log.ts';
import { Redacted } from '../core/redacted.ts';
import { Informer, type InformerOptions } from './informer.ts';
import { readPath, readText } from './read-path.ts';

const TLS_TYPE = 'kubernetes.io/tls';

export interface GatewaySecretsOptions extends Pick<InformerOptions<KubernetesSecretData>, 'client' | 'random'> {
  readonly namespace: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** Told of changes; set while it runs. */
type OnChange = (name?: string) => void;

/**
 * The Secrets of a namespace that may be passed on, in two watches: the API server is asked for those of the TLS type
 * and for those with the label, and sends no others.
 */
export class GatewaySecretsInformer implements KubernetesSecrets {
  readonly namespace: string;
  readonly #informers: readonly Informer<KubernetesSecretData>[];
  #onChange: OnChange = () => undefined;

  constructor({ namespace, ...options }: GatewaySecretsOptions) {
    this.namespace = namespace;
    const resource = { group: '', version: 'v1', resource: 'secrets', namespace };
    const listener: InformerOptions<KubernetesSecretData>['listener'] = {
      set: ({ name }) => this.#onChange(name),
      deleted: ({ name }) => this.#onChange(name),
      synced: () => this.#onChange(),
    };
    const inform = (
      selectors: InformerOptions<KubernetesSecretData>['selectors'] & object,
      isAllowed: (secret: unknown) => boolean,
    ): Informer<KubernetesSecretData> => {
      // What the server was asked for is looked at again: a proxy between may not know of selectors.
      const toItem = (secret: unknown): KubernetesSecretData | undefined =>
        readText(secret, 'metadata', 'namespace') === namespace && isAllowed(secret) ? toData(secret) : undefined;
      return new Informer({ ...options, resource, selectors, toItem, listener });
    };
    this.#informers = [
      inform({ fieldSelector: `type=${TLS_TYPE}` }, (secret) => readText(secret, 'type') === TLS_TYPE),
      inform(
        { labelSelector: `${GATEWAY_LABEL}=true` },
        (secret) => readText(secret, 'metadata', 'labels', GATEWAY_LABEL) === 'true',
      ),
    ];
  }

  get isSynced(): boolean {
    return this.#informers.every(({ isSynced }) => isSynced);
  }

  get(name: string): KubernetesSecretData | undefined {
    for (const informer of this.#informers) {
      const held = informer.get(this.namespace, name);
      if (held !== undefined) return held.item;
    }
    return undefined;
  }

  async run(signal: AbortSignal, onChange: OnChange): Promise<void> {
    this.#onChange = onChange;
    await Promise.all(this.#informers.map((informer) => informer.run(signal)));
  }
}

/** The parts that gateways have use for; others are not kept. */
const KEPT_KEYS = ['tls.crt', 'tls.key', 'cert', 'key', 'cacert', 'ca.crt'];

function toData(secret: unknown): KubernetesSecretData {
  const parts = KEPT_KEYS.flatMap((key): [string, Buffer][] => {
    const encoded = readPath(secret, 'data', key);
    return typeof encoded === 'string' && encoded !== '' ? [[key, Buffer.from(encoded, 'base64')]] : [];
  });
  return new Redacted(new Map(parts));
}
