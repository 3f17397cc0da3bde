import type { Caller } from '../core/caller.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { GatewayRef } from '../core/secret.ts';
import { namespaceOf } from '../core/spiffe-id.ts';
import { Seldom } from '../runtime/seldom.ts';

/** Callers can ask as often as they like. */
const LOG_INTERVAL_MS = 60_000;

// RFC 1123, as Kubernetes has it for names of Secrets and of namespaces.
const SECRET_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

/** What Istio appends to a name for the roots that belong to it. */
const ROOTS_SUFFIX = '-cacert';

/**
 * The names by which Istio's gateways ask for Kubernetes Secrets (istio, pilot/pkg/model/credentials/resource.go; before
 * 1.6 the plain name): `name`, `kubernetes://name`, `kubernetes://namespace/name` and
 * `kubernetes-gateway://namespace/name`, each also with `-cacert`. They mean something to callers of the one namespace
 * only, and no Secret of another namespace has a name here.
 */
export class GatewaySecretNames {
  readonly #namespace: string;
  readonly #log: Log;
  readonly #seldom: Seldom;

  constructor(namespace: string, clock: Clock, log: Log) {
    this.#namespace = namespace;
    this.#log = log;
    this.#seldom = new Seldom(clock);
  }

  /** What the name means to this caller; undefined: nothing, as of any unknown name. */
  resolve(name: string, caller: Caller): GatewayRef | undefined {
    const secretName = this.#secretNameOf(name);
    if (secretName === undefined) return undefined;
    if (namespaceOf(caller.identity.spiffeId) !== this.#namespace) {
      this.#tell(caller);
      return undefined;
    }
    const isRoots = secretName.endsWith(ROOTS_SUFFIX) && secretName !== ROOTS_SUFFIX;
    return { kind: isRoots ? 'gateway-bundle' : 'gateway-certificate', secretName };
  }

  #secretNameOf(name: string): string | undefined {
    const [, scheme, namespace, secretName = ''] =
      /^(?:(kubernetes|kubernetes-gateway):\/\/(?:([^/]+)\/)?)?([^/]+)$/.exec(name) ?? [];
    if (!SECRET_NAME.test(secretName)) return undefined;
    if (namespace !== undefined && namespace !== this.#namespace) return undefined;
    // The Gateway API's form names the namespace always.
    return scheme === 'kubernetes-gateway' && namespace === undefined ? undefined : secretName;
  }

  #tell({ identity }: Caller): void {
    const times = this.#seldom.again(LOG_INTERVAL_MS);
    if (times === undefined) return;
    this.#log.warn('a workload of another namespace asks for the secrets of gateways: answered with silence', {
      spiffeId: identity.spiffeId,
      namespace: this.#namespace,
      ...(times > 1 && { othersToo: times - 1 }),
    });
  }
}

/** The name of the Secret that roots are looked for in when there is none of their own name. */
export function withoutRootsSuffix(secretName: string): string {
  return secretName.slice(0, -ROOTS_SUFFIX.length);
}
