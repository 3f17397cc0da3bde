import { AgentError, toAgentError } from '../core/agent-error.ts';
import type { Clock } from '../core/clock.ts';
import type { KubernetesSecrets } from '../core/kubernetes-secrets.ts';
import type { Log } from '../core/log.ts';
import type { ForeignSecret, GatewayRef, Secret } from '../core/secret.ts';
import type { SecretStore, Subscriber, Subscription } from '../core/secret-store.ts';
import type { ForeignStatus } from '../core/status-report.ts';
import { ForeignSlot } from '../runtime/foreign-slot.ts';
import { repeat } from '../runtime/repeat.ts';
import { Seldom } from '../runtime/seldom.ts';
import { withoutRootsSuffix } from './gateway-secret-names.ts';
import { toGatewayBundle, toGatewayCertificate } from './to-gateway-secret.ts';

/** How often it is looked whether a certificate has expired or begun, and who is to be forgotten. */
const SWEEP_MS = 60_000;

export interface GatewaySecretStoreOptions {
  readonly secrets: KubernetesSecrets;
  readonly clock: Clock;
  readonly log: Log;
  /** What nobody has listened to for this long is forgotten. */
  readonly forgetAfterMs: number;
}

interface Entry {
  readonly ref: GatewayRef;
  readonly slot: ForeignSlot;
  /** Since when nobody listens. */
  idleSinceMs: number;
}

/**
 * Certificates and roots in Kubernetes Secrets, for gateways. One that is not there is waited for. One that is deleted
 * is not taken away from the Envoys that have it, and not given to others.
 */
export class GatewaySecretStore implements SecretStore<GatewayRef> {
  readonly #options: GatewaySecretStoreOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #seldom: Seldom;

  constructor(options: GatewaySecretStoreOptions) {
    this.#options = options;
    this.#seldom = new Seldom(options.clock);
  }

  /** Follows the Secrets until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { secrets, clock, log } = this.#options;
    const onError = (error: unknown): void => log.error('gateway secrets were not looked at again', { error });
    await Promise.all([
      secrets.run(signal, (name) => this.#changed(name)),
      repeat(clock, SWEEP_MS, signal, async () => this.#sweep(), onError),
    ]);
  }

  peek(ref: GatewayRef): Secret | undefined {
    const slot = this.#entries.get(keyOf(ref))?.slot;
    // A deletion is somebody's will, unlike a file that is missing for a moment.
    return slot?.state === 'gone' ? undefined : slot?.servable;
  }

  subscribe(ref: GatewayRef, subscriber: Subscriber): Subscription {
    const entry = this.#entryOf(ref);
    return entry.slot.audience.join(subscriber, () => {
      if (entry.slot.audience.size > 0) return;
      entry.idleSinceMs = this.#options.clock.now();
      // Nothing is lost with it, and whoever made the name up may make up more.
      if (this.peek(ref) === undefined) this.#entries.delete(keyOf(ref));
    });
  }

  /** Every Secret that was asked for. */
  status(): ForeignStatus[] {
    return Array.from(this.#entries.values(), ({ slot }) => slot.status());
  }

  #entryOf(ref: GatewayRef): Entry {
    const key = keyOf(ref);
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    const { clock, log } = this.#options;
    const name = `kubernetes://${ref.secretName}`;
    const slot = new ForeignSlot({ kind: ref.kind, name, clock, log, seldom: this.#seldom });
    const entry = { ref, slot, idleSinceMs: clock.now() };
    this.#entries.set(key, entry);
    // Before anybody listens: so nobody is called back.
    this.#look(entry);
    return entry;
  }

  #changed(name: string | undefined): void {
    for (const entry of this.#entries.values()) {
      if (name === undefined || sourcesOf(entry.ref).includes(name)) this.#look(entry);
    }
  }

  #look({ ref, slot }: Entry): void {
    const { secrets, clock } = this.#options;
    // Until then, what is not known may be there nevertheless.
    if (!secrets.isSynced) return;
    try {
      slot.take(read(ref, secrets, clock.now()));
    } catch (thrown) {
      slot.fail(toAgentError(thrown));
    }
  }

  #sweep(): void {
    const { clock, forgetAfterMs } = this.#options;
    for (const [key, entry] of this.#entries) {
      const isIdle = entry.slot.audience.size === 0;
      if (isIdle && clock.now() - entry.idleSinceMs >= forgetAfterMs) this.#entries.delete(key);
      else this.#look(entry);
    }
  }
}

/** Reads and verifies what is there now. Throws `secret-gone` and `secret-unusable`. */
function read(ref: GatewayRef, secrets: KubernetesSecrets, nowMs: number): ForeignSecret {
  for (const name of sourcesOf(ref)) {
    const data = secrets.get(name);
    if (data === undefined) continue;
    return ref.kind === 'gateway-certificate' ? toGatewayCertificate(data, nowMs) : toGatewayBundle(data, nowMs);
  }
  const where = `Secret ${ref.secretName} in namespace ${secrets.namespace}`;
  throw new AgentError('secret-gone', `${where} is not there, or neither of type kubernetes.io/tls nor labelled`);
}

/** As Istio has it: roots in a Secret of their own name, else in that of the certificate. */
function sourcesOf({ kind, secretName }: GatewayRef): readonly string[] {
  return kind === 'gateway-bundle' ? [secretName, withoutRootsSuffix(secretName)] : [secretName];
}

function keyOf({ kind, secretName }: GatewayRef): string {
  return `${kind} ${secretName}`;
}
