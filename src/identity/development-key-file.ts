import { constants } from 'node:fs';
import { link, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CryptoKey, JWK } from 'jose';
import { exportJWK } from 'jose/key/export';
import { importJWK, importPKCS8 } from 'jose/key/import';
import { AgentError, quoteUntrusted } from '../core/agent-error.ts';
import { createKeyPair } from '../keys/key-pair.ts';

const FILE_NAME = 'development-issuer.json';

/** An ES256 key pair. */
export interface DevelopmentKey {
  /** The public members alone (RFC 7518, section 6.2). */
  readonly publicJwk: { readonly kty: 'EC'; readonly crv: 'P-256'; readonly x: string; readonly y: string };
  readonly privateKey: CryptoKey | Uint8Array;
}

/**
 * The development issuer's key in `stateDir`: the one that is there, else a new one.
 *
 * Two processes may do this at the same time: a new file appears whole under its name, and only if there is none.
 *
 * @throws AgentError `token-verifier-unavailable` for a file that others can read or that is broken; it is left alone
 */
export async function loadDevelopmentKey(stateDir: string): Promise<DevelopmentKey> {
  const path = join(stateDir, FILE_NAME);
  try {
    return (await readKey(path)) ?? (await createKey(stateDir, path));
  } catch (thrown) {
    if (thrown instanceof AgentError) throw thrown;
    throw unusable(path, 'it cannot be read or written: check STATE_DIR and its permissions', thrown);
  }
}

async function createKey(stateDir: string, path: string): Promise<DevelopmentKey> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  // Not of jose: see `createKeyPair` for what the JWK of a key that was generated here may do.
  const pem = (await createKeyPair({ algorithm: 'ecdsa', curve: 'P256' })).privateKeyPem('pkcs8');
  const privateKey = await importPKCS8(pem.reveal().toString(), 'ES256', { extractable: true });
  const draft = `${path}.${crypto.randomUUID()}`;
  await writeDurably(draft, `${JSON.stringify(await exportJWK(privateKey))}\n`);
  try {
    // Unlike a rename, a link never replaces the file that another process was quicker to make.
    await link(draft, path);
    await syncDirectory(stateDir);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  } finally {
    await rm(draft, { force: true });
  }
  const key = await readKey(path);
  if (key === undefined) throw unusable(path, 'it disappeared while it was made');
  return key;
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function readKey(path: string): Promise<DevelopmentKey | undefined> {
  const text = await readPrivateFile(path);
  if (text === undefined) return undefined;
  const key = await parseKey(text);
  // No cause: a parser's message may quote the key.
  if (key === undefined) throw unusable(path, 'it is broken: restore it, or remove it and mint new tokens');
  return key;
}

async function readPrivateFile(path: string): Promise<string | undefined> {
  const file = await open(path).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    const { mode } = await file.stat();
    if ((mode & 0o077) !== 0) throw unusable(path, 'others can read it: set its mode to 0600, or better, remove it');
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

async function parseKey(text: string): Promise<DevelopmentKey | undefined> {
  try {
    const { kty, crv, x, y, d }: JWK = JSON.parse(text);
    if (kty !== 'EC' || crv !== 'P-256' || x === undefined || y === undefined || d === undefined) return undefined;
    const privateKey = await importJWK({ kty, crv, x, y, d }, 'ES256');
    return { publicJwk: { kty: 'EC', crv, x, y }, privateKey };
  } catch {
    return undefined;
  }
}

function unusable(path: string, why: string, cause?: unknown): AgentError {
  const message = `the development issuer's key ${quoteUntrusted(path)} is not usable: ${why}`;
  return new AgentError('token-verifier-unavailable', message, { cause });
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
