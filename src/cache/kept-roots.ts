import type { DerCertificates } from '../core/ca-provider.ts';
import { sha256Hex } from '../keys/digest.ts';
import type { IssuedCertificate } from './issuer.ts';

/** A root is kept for so long after its last certificate was replaced, which an Envoy takes over a moment later. */
const LINGER_MS = 60_000;

interface Kept {
  readonly der: Uint8Array;
  /** By the monotonic clock; undefined while somebody may still present a certificate that leads to it. */
  goesAtMs: number | undefined;
}

/**
 * The roots that the CA does not tell of any more, and that peers still need: for the certificates that were issued
 * under them, until each is replaced or has expired.
 */
export class KeptRoots {
  readonly #kept = new Map<string, Kept>();

  get size(): number {
    return this.#kept.size;
  }

  /**
   * Looks at what is needed now, and gives the roots to be trusted beside those that the CA tells of.
   *
   * @param held the certificates that may be presented; those that have expired are passed over
   */
  review(
    told: DerCertificates,
    held: Iterable<IssuedCertificate>,
    now: { readonly wallMs: number; readonly monotonicMs: number },
  ): DerCertificates {
    const toldDigests = new Set(told.map(sha256Hex));
    const needed = new Set<string>();
    for (const [digest, der] of anchorsBesides(toldDigests, held, now.wallMs)) {
      needed.add(digest);
      this.#kept.set(digest, { der, goesAtMs: undefined });
    }
    for (const [digest, kept] of this.#kept) {
      if (!needed.has(digest)) kept.goesAtMs ??= now.monotonicMs + LINGER_MS;
      const isGone = kept.goesAtMs !== undefined && now.monotonicMs >= kept.goesAtMs;
      if (isGone || toldDigests.has(digest)) this.#kept.delete(digest);
    }
    return Array.from(this.#kept.values(), ({ der }) => der);
  }
}

/** The anchors of those certificates that no root of the CA verifies, by their digest. */
function anchorsBesides(
  told: ReadonlySet<string>,
  held: Iterable<IssuedCertificate>,
  nowMs: number,
): Map<string, Uint8Array> {
  // Certificates of one root share its bytes, so few digests are made for many of them.
  const digests = new Map<Uint8Array, string>();
  const digestOf = (der: Uint8Array): string => {
    const digest = digests.get(der) ?? sha256Hex(der);
    digests.set(der, digest);
    return digest;
  };
  const besides = new Map<string, Uint8Array>();
  for (const { anchors, notAfterMs } of held) {
    if (nowMs >= notAfterMs || anchors.some((der) => told.has(digestOf(der)))) continue;
    for (const der of anchors) besides.set(digestOf(der), der);
  }
  return besides;
}
