import type { AllBundlesSecret, CertificateSecret, SecretRef } from '../core/secret.ts';
import type { SecretStore } from '../core/secret-store.ts';
import type { OpenFeed } from './feed.ts';
import { toX509BundlesAnswer, toX509SvidAnswer } from './x509-answers.ts';

const ALL_BUNDLES: SecretRef = { kind: 'all-bundles' };

/**
 * The caller's X509-SVID. Nobody acknowledges anything on the Workload API; that an answer was handed over is what
 * comes closest, and a change of roots waits for it.
 */
export function x509SvidFeed(store: SecretStore): OpenFeed {
  return (caller, subscriber) => {
    const ref: SecretRef = { kind: 'certificate', caller };
    const certificates = store.subscribe(ref, subscriber);
    const bundles = store.subscribe(ALL_BUNDLES, subscriber);
    let newest: { readonly certificate: CertificateSecret; readonly all: AllBundlesSecret } | undefined;
    return {
      newest() {
        const certificate = store.peek(ref);
        const all = store.peek(ALL_BUNDLES);
        if (certificate?.kind !== 'certificate' || all?.kind !== 'all-bundles') return undefined;
        newest = { certificate, all };
        return toX509SvidAnswer(certificate, all);
      },
      said() {
        if (newest === undefined) return;
        certificates.acknowledged(newest.certificate.version);
        bundles.acknowledged(newest.all.version);
      },
      [Symbol.dispose]() {
        certificates[Symbol.dispose]();
        bundles[Symbol.dispose]();
      },
    };
  };
}

/** The bundles of all trust domains that are known, for callers that only verify. */
export function x509BundlesFeed(store: SecretStore): OpenFeed {
  return (_caller, subscriber) => {
    const bundles = store.subscribe(ALL_BUNDLES, subscriber);
    let version = '';
    return {
      newest() {
        const all = store.peek(ALL_BUNDLES);
        if (all?.kind !== 'all-bundles') return undefined;
        version = all.version;
        return toX509BundlesAnswer(all);
      },
      said: () => bundles.acknowledged(version),
      [Symbol.dispose]: () => bundles[Symbol.dispose](),
    };
  };
}
