import { inspect } from 'node:util';
import { createVaultProvider } from '../../src/ca-providers/vault/create-vault-provider.ts';
import { describeCaProvider } from '../contracts/ca-provider.ts';
import type { CaFault } from '../contracts/ca-under-test.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { RecordingLog } from '../fakes/recording-log.ts';
import { newToken, VaultServer } from '../fakes/vault-server.ts';

describeCaProvider(
  'VaultProvider',
  async () => {
    const clock = new FakeClock();
    const log = new RecordingLog();
    const server = await VaultServer.start(clock);
    return {
      provider: createVaultProvider({ vault: server.settings(), clock, log }),
      clock,
      tokenFor: async (id) => server.token(id),
      badTokens: async () => ({ wrong: newToken(), expired: newToken() }),
      faults: {
        set: (fault) => setFault(server, fault),
        openRequests: () => server.openRequests,
      },
      changeRoot: () => server.ca.replaceRoot(),
      logged: () => inspect(log.events, { depth: 10 }),
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  },
  { faults: true, badTokens: true, changeRoot: true },
);

async function setFault(server: VaultServer, fault: CaFault | undefined): Promise<void> {
  if (fault === 'down') await server.close();
  if (server.fault === 'down') await server.listen();
  server.fault = fault;
}
