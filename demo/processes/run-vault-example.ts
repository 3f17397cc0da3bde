import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { runToEnd } from './run-to-end.ts';

const EXAMPLES = join(import.meta.dirname, '../../../examples/vault');

/** The scripts of `examples/vault/`, which the documentation shows. */
export type VaultExample = 'root-ca' | 'intermediate-ca' | 'jwt-login' | 'kubernetes-login' | 'role';

/** Gives the binary the name by which the scripts call it, in a folder that `runVaultExample` then takes. */
export function nameBao(folder: string, binary: string): void {
  symlinkSync(binary, join(folder, 'bao'));
}

/**
 * Runs an example; rejects when it fails.
 *
 * @param folder where `bao` is; also its home
 * @param env the server (`BAO_ADDR`), an administrator's token (`BAO_TOKEN`), and what the script asks for
 */
export async function runVaultExample(
  folder: string,
  example: VaultExample,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const { PATH = '' } = process.env;
  const around = { PATH: `${folder}:${PATH}`, HOME: folder };
  const { status, stderr } = await runToEnd('/bin/sh', [join(EXAMPLES, `${example}.sh`)], { ...around, ...env });
  if (status !== 0) throw new Error(`${example}.sh ended with ${status}: ${stderr}`);
}
