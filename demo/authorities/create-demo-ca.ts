import { CitadelDemoCa } from './citadel-demo-ca.ts';
import type { DemoCa, DemoCaName } from './demo-ca.ts';
import { EmbeddedDemoCa } from './embedded-demo-ca.ts';
import { VaultDemoCa } from './vault-demo-ca.ts';

/** @param openBao the path of OpenBao's binary; needed for `vault` alone */
export function createDemoCa(name: DemoCaName, folder: string, openBao: string | undefined): DemoCa {
  switch (name) {
    case 'embedded':
      return new EmbeddedDemoCa();
    case 'citadel':
      return new CitadelDemoCa(folder);
    case 'vault':
      if (openBao === undefined) throw new Error('--ca vault needs OpenBao: run the demo with `npm run demo`');
      return new VaultDemoCa(folder, openBao);
  }
}
