import { EmbeddedJwtAuthority } from './embedded-jwt-authority.ts';
import { createJwtKey } from './jwt-key.ts';
import { JwtKeyFile, type JwtKeys } from './jwt-key-file.ts';
import type { EmbeddedSettings } from './load-embedded-provider.ts';

/**
 * Loads the authority whose keys are in this directory, or makes them where there are none.
 *
 * @throws AgentError `ca-state-broken`, naming the file and what to do; nothing is overwritten
 */
export async function loadEmbeddedJwtAuthority(settings: EmbeddedSettings): Promise<EmbeddedJwtAuthority> {
  const { stateDir, trustDomain, clock, log } = settings;
  const file = new JwtKeyFile(stateDir, trustDomain);
  const keys = (await file.load()) ?? (await createKeys(file, clock.now()));
  return new EmbeddedJwtAuthority({ file, keys, trustDomain, clock, log });
}

async function createKeys(file: JwtKeyFile, nowMs: number): Promise<JwtKeys> {
  const created: JwtKeys = [await createJwtKey(nowMs)];
  // Where another process was faster, its keys are the keys.
  return (await file.create(created)) ? created : file.loadExisting();
}
