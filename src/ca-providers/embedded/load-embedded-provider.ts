import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import { createAuthority } from './authority.ts';
import type { CaState } from './ca-state.ts';
import { CaStateFile } from './ca-state-file.ts';
import { EmbeddedProvider } from './embedded-provider.ts';

export interface EmbeddedSettings {
  readonly stateDir: string;
  readonly trustDomain: string;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Loads the embedded CA of this directory, or makes one where there is none.
 *
 * @throws AgentError `ca-state-broken`, naming the file and what to do; nothing is overwritten
 */
export async function loadEmbeddedProvider(settings: EmbeddedSettings): Promise<EmbeddedProvider> {
  const { stateDir, trustDomain, clock, log } = settings;
  const file = new CaStateFile(stateDir, trustDomain);
  const state = (await file.load()) ?? (await createState(file, trustDomain, clock));
  log.info('embedded CA is ready', { stateFile: file.path, trustDomain, rootStage: state.stage });
  const provider = new EmbeddedProvider(file, state, clock, log);
  await provider.renewIntermediate();
  return provider;
}

async function createState(file: CaStateFile, trustDomain: string, clock: Clock): Promise<CaState> {
  const signing = await createAuthority(trustDomain, clock.now());
  const created: CaState = { stage: 'single', trustDomain, signing };
  if (await file.create(created)) return created;
  // Another process was faster: its state is the state.
  return file.loadExisting();
}
