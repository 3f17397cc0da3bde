import type { TokenVerifier } from '../../src/core/token-verifier.ts';
import { loadTokenVerifier, type TokenVerifierSettings } from '../../src/identity/load-token-verifier.ts';
import { metered } from '../../src/identity/metered.ts';
import { type RememberingVerifier, remembered } from '../../src/identity/remembered.ts';
import { ApiTokenReviewer } from '../../src/kubernetes/api-token-reviewer.ts';
import { RecordingTokenMeter } from '../identity/fake-verifier.ts';
import { KubernetesWorld } from './kubernetes-world.ts';

export interface ReviewWorld {
  readonly world: KubernetesWorld;
  /** As the agent has it: remembers what was verified. */
  readonly verifier: RememberingVerifier;
  /** The same without its memory. */
  readonly bare: TokenVerifier;
  readonly meter: RecordingTokenMeter;
}

/** The verifiers of an agent in a cluster, put together as the agent does. */
export async function startReviews(
  verifiers: TokenVerifierSettings['verifiers'] = ['kubernetes'],
): Promise<ReviewWorld> {
  const world = await KubernetesWorld.start();
  const { client, clock, log } = world;
  const lifetime = new AbortController().signal;
  const meter = new RecordingTokenMeter();
  const verifier = await loadTokenVerifier({
    verifiers,
    trustDomain: 'cluster.local',
    audiences: ['istio-ca'],
    issuer: undefined,
    jwks: undefined,
    tokenReviewer: async () => new ApiTokenReviewer(client),
    stateDir: world.directory,
    clock,
    log,
    lifetime,
  });
  return { world, meter, bare: verifier, verifier: remembered(metered(verifier, meter), { clock, meter, lifetime }) };
}
