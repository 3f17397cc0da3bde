import type { FileRef, GatewayRef, IssuedRef, SecretRef } from '../core/secret.ts';
import type { SecretStore } from '../core/secret-store.ts';

/** Who has which secrets; what is left out has none. */
export interface StoresByKind {
  /** What the CA makes. */
  readonly issued: SecretStore<IssuedRef>;
  readonly files?: SecretStore<FileRef>;
  readonly gateway?: SecretStore<GatewayRef>;
}

const NOTHING: SecretStore = {
  peek: () => undefined,
  subscribe: () => ({ acknowledged: () => undefined, [Symbol.dispose]: () => undefined }),
};

/** All of these as one store: each reference goes to the one that has its kind. */
export function dispatched({ issued, files = NOTHING, gateway = NOTHING }: StoresByKind): SecretStore {
  /** The reference is given with its store, so that their types belong together. */
  function withStore<T>(ref: SecretRef, use: <Ref extends SecretRef>(store: SecretStore<Ref>, own: Ref) => T): T {
    switch (ref.kind) {
      case 'certificate':
      case 'bundle':
      case 'all-bundles':
        return use(issued, ref);
      case 'file-certificate':
      case 'file-bundle':
        return use(files, ref);
      case 'gateway-certificate':
      case 'gateway-bundle':
        return use(gateway, ref);
    }
  }
  return {
    peek: (ref) => withStore(ref, (store, own) => store.peek(own)),
    subscribe: (ref, subscriber) => withStore(ref, (store, own) => store.subscribe(own, subscriber)),
  };
}
