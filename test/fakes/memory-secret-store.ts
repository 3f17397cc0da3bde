import { Redacted } from '../../src/core/redacted.ts';
import type { BundleSecret, CertificateSecret, Secret, SecretRef } from '../../src/core/secret.ts';
import type { SecretStore, Subscriber, Subscription } from '../../src/core/secret-store.ts';
import { parseSpiffeId } from '../../src/core/spiffe-id.ts';

/** The content is only a label: nobody looks into it in a test that uses this. */
export function certificateOf(spiffeId: string, label: string): CertificateSecret {
  return {
    kind: 'certificate',
    version: `version-of-${label}`,
    spiffeId: parseSpiffeId(spiffeId),
    chainPem: Buffer.from(`chain ${label}\n`),
    privateKeyPem: new Redacted(Buffer.from(`key ${label}\n`)),
    serial: '01',
    notBeforeMs: Date.UTC(2030, 0, 1),
    notAfterMs: Date.UTC(2031, 0, 1),
  };
}

export function bundleOf(trustDomain: string, label: string): BundleSecret {
  const rootsPem = Buffer.from(`roots ${label}\n`);
  return {
    kind: 'bundle',
    version: `version-of-${label}`,
    trustDomain,
    rootsPem,
    rootCount: 1,
    notAfterMs: Date.UTC(2031, 0, 1),
  };
}

/** A store whose content a test sets. */
export class MemorySecretStore implements SecretStore {
  readonly #secrets = new Map<string, Secret>();
  readonly #subscribers = new Map<string, Set<Subscriber>>();
  /** What was acknowledged, as `key version`. */
  readonly acknowledged: string[] = [];

  /** Sets a secret and tells its subscribers. */
  put(secret: Secret): void {
    const key = keyOfSecret(secret);
    this.#secrets.set(key, secret);
    for (const subscriber of this.#subscribers.get(key) ?? []) subscriber.changed();
  }

  /** Makes a secret unservable, as its expiry does: without a word to anybody. */
  expire(secret: Secret): void {
    this.#secrets.delete(keyOfSecret(secret));
  }

  sendBack(key: string): void {
    for (const subscriber of this.#subscribers.get(key) ?? []) subscriber.reauthenticate();
  }

  get subscriptions(): number {
    return [...this.#subscribers.values()].reduce((sum, { size }) => sum + size, 0);
  }

  peek(ref: SecretRef): Secret | undefined {
    return this.#secrets.get(keyOfRef(ref));
  }

  subscribe(ref: SecretRef, subscriber: Subscriber): Subscription {
    const key = keyOfRef(ref);
    const subscribers = this.#subscribers.get(key) ?? new Set();
    // Of its own: one subscriber may be there twice.
    const member = { changed: () => subscriber.changed(), reauthenticate: () => subscriber.reauthenticate() };
    this.#subscribers.set(key, subscribers.add(member));
    return {
      acknowledged: (version) => this.acknowledged.push(`${key} ${version}`),
      [Symbol.dispose]: () => subscribers.delete(member),
    };
  }
}

function keyOfRef(ref: SecretRef): string {
  switch (ref.kind) {
    case 'certificate':
      return ref.caller.identity.key;
    case 'bundle':
      return ref.trustDomain;
    case 'all-bundles':
      return 'ALL';
    case 'file-certificate':
    case 'file-bundle':
    case 'gateway-certificate':
    case 'gateway-bundle':
      return ref.kind;
  }
}

function keyOfSecret(secret: Secret): string {
  switch (secret.kind) {
    case 'certificate':
      return secret.spiffeId;
    case 'bundle':
      return secret.trustDomain;
    case 'all-bundles':
      return 'ALL';
    case 'file-certificate':
    case 'file-bundle':
    case 'gateway-certificate':
    case 'gateway-bundle':
      return secret.kind;
  }
}
