import type { AllBundlesSecret, BundleSecret, CertificateSecret } from '../core/secret.ts';
import { trustDomainOf } from '../core/spiffe-id.ts';
import { X509BundlesResponse, X509SVIDResponse } from '../gen/spiffe/workload.ts';
import { parsePem } from '../keys/pem.ts';
import { toPkcs8Der } from '../keys/pkcs8.ts';
import type { Answer } from './feed.ts';

const ofCertificates = new WeakMap<
  CertificateSecret,
  { readonly bundles: AllBundlesSecret; readonly answer: Answer }
>();
const ofBundles = new WeakMap<AllBundlesSecret, Answer>();

/**
 * A caller's X509-SVID with every bundle, encoded once however many streams it goes to. Undefined while the bundle of
 * its own trust domain is not there: that field is mandatory (SPIFFE Workload API, section 5.2.1).
 */
export function toX509SvidAnswer(certificate: CertificateSecret, bundles: AllBundlesSecret): Answer | undefined {
  const known = ofCertificates.get(certificate);
  if (known?.bundles === bundles) return known.answer;
  const trustDomain = trustDomainOf(certificate.spiffeId);
  const own = bundles.bundles.find((bundle) => bundle.trustDomain === trustDomain);
  if (own === undefined) return undefined;
  const svid = {
    spiffeId: certificate.spiffeId,
    x509Svid: toDer(certificate.chainPem),
    x509SvidKey: toPkcs8Der(certificate.privateKeyPem).reveal(),
    bundle: toDer(own.rootsPem),
    hint: '',
  };
  const federatedBundles = byTrustDomain(bundles.bundles.filter((bundle) => bundle !== own));
  const message = X509SVIDResponse.encode({ svids: [svid], crl: [], federatedBundles }).finish();
  const answer = { version: `${certificate.version} ${bundles.version}`, message };
  ofCertificates.set(certificate, { bundles, answer });
  return answer;
}

/** Every bundle, by the SPIFFE ID of its trust domain (SPIFFE Workload API, section 5.2.2). */
export function toX509BundlesAnswer(bundles: AllBundlesSecret): Answer {
  let answer = ofBundles.get(bundles);
  if (answer === undefined) {
    const message = X509BundlesResponse.encode({ crl: [], bundles: byTrustDomain(bundles.bundles) }).finish();
    answer = { version: bundles.version, message };
    ofBundles.set(bundles, answer);
  }
  return answer;
}

function byTrustDomain(bundles: readonly BundleSecret[]): Record<string, Buffer> {
  return Object.fromEntries(bundles.map(({ trustDomain, rootsPem }) => [`spiffe://${trustDomain}`, toDer(rootsPem)]));
}

/** Certificates in DER, one after the other, as the Workload API has them. */
function toDer(certificatesPem: Buffer): Buffer {
  return Buffer.concat(parsePem(certificatesPem.toString(), 'CERTIFICATE'));
}
