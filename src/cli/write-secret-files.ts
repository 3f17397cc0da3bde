import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Secret } from '../gen/xds/secret.ts';

/** Writes what a secret holds into a directory, readable by its owner alone. Gives the paths. */
export async function writeSecretFiles(
  directory: string,
  { tlsCertificate, validationContext }: Secret,
): Promise<string[]> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const contents: readonly (readonly [string, Buffer | undefined])[] = [
    ['cert-chain.pem', tlsCertificate?.certificateChain?.inlineBytes],
    ['key.pem', tlsCertificate?.privateKey?.inlineBytes],
    ['root-cert.pem', validationContext?.trustedCa?.inlineBytes],
  ];
  const written: string[] = [];
  for (const [name, content] of contents) {
    if (content === undefined) continue;
    const path = join(directory, name);
    // The mode counts for a new file only, so an old one with other rights has to go first.
    await rm(path, { force: true });
    await writeFile(path, content, { mode: 0o600, flag: 'wx' });
    written.push(path);
  }
  return written;
}
