import type { FileRef, IssuedRef } from '../core/secret.ts';
import type { SecretStore } from '../core/secret-store.ts';

/** Who has which secrets. */
export interface StoresByKind {
  /** What the CA makes. */
  readonly issued: SecretStore<IssuedRef>;
  readonly files: SecretStore<FileRef>;
}

/** All of these as one store: each reference goes to the one that has its kind. */
export function dispatched({ issued, files }: StoresByKind): SecretStore {
  return {
    peek(ref) {
      switch (ref.kind) {
        case 'certificate':
        case 'bundle':
        case 'all-bundles':
          return issued.peek(ref);
        case 'file-certificate':
        case 'file-bundle':
          return files.peek(ref);
      }
    },
    subscribe(ref, subscriber) {
      switch (ref.kind) {
        case 'certificate':
        case 'bundle':
        case 'all-bundles':
          return issued.subscribe(ref, subscriber);
        case 'file-certificate':
        case 'file-bundle':
          return files.subscribe(ref, subscriber);
      }
    },
  };
}
