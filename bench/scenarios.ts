import type { Scenario } from './scenario.ts';
import { attestation } from './scenarios/attestation.ts';
import { citadelIssuance } from './scenarios/citadel-issuance.ts';
import { coldIdentities } from './scenarios/cold-identities.ts';
import { firstSecrets } from './scenarios/first-secrets.ts';
import { freshMemory } from './scenarios/fresh-memory.ts';
import { growth } from './scenarios/growth.ts';
import { herd } from './scenarios/herd.ts';
import { idleStreams } from './scenarios/idle-streams.ts';
import { nodeSizes } from './scenarios/node-sizes.ts';
import { noisyNeighbour } from './scenarios/noisy-neighbour.ts';
import { outage } from './scenarios/outage.ts';
import { recovery } from './scenarios/recovery.ts';
import { renewalPush } from './scenarios/renewal-push.ts';

/** Everything that is measured, in the order of the report. */
export const SCENARIOS: readonly Scenario[] = [
  firstSecrets,
  renewalPush,
  coldIdentities,
  idleStreams,
  freshMemory,
  growth,
  herd,
  recovery,
  outage,
  citadelIssuance,
  attestation,
  nodeSizes,
  noisyNeighbour,
];
