import type { VaultProvider } from '../../../src/ca-providers/vault/vault-provider.ts';
import type { Token } from '../../../src/core/caller.ts';
import type { KeySpec } from '../../../src/core/key-spec.ts';
import type { SpiffeId } from '../../../src/core/spiffe-id.ts';
import { createCsr } from '../../../src/keys/csr.ts';
import { createKeyPair } from '../../../src/keys/key-pair.ts';
import { type VerifiedIssuance, verifyIssuance } from '../../../src/keys/verify-issuance.ts';
import { systemClock } from '../../../src/runtime/system-clock.ts';
import { hours } from '../../fakes/fake-clock.ts';

const P256: KeySpec = { algorithm: 'ecdsa', curve: 'P256' };

/** A certificate, and what it was verified with. */
export interface Issued extends VerifiedIssuance {
  readonly chain: readonly Uint8Array[];
  readonly roots: readonly Uint8Array[];
}

/** Has a certificate for `id` signed with this token, and verifies it. */
export async function issue(provider: VaultProvider, id: SpiffeId, token: Token, spec = P256): Promise<Issued> {
  const { signal } = new AbortController();
  const keyPair = await createKeyPair(spec);
  const chain = await provider.sign({ id, csr: createCsr(keyPair, id), ttlMs: hours(1), token }, signal);
  const roots = await provider.roots(signal);
  const { publicKeyDer } = keyPair;
  const verified = verifyIssuance({ chain, roots, spiffeId: id, publicKeyDer, nowMs: systemClock.now() });
  return { ...verified, chain, roots };
}
