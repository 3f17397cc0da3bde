import { describeCaProvider } from '../contracts/ca-provider.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { MemoryCa } from '../fakes/memory-ca.ts';

describeCaProvider('MemoryCa', async () => {
  const clock = new FakeClock();
  return { provider: await MemoryCa.create(clock), clock };
});
