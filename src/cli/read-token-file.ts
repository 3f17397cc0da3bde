import { readFile } from 'node:fs/promises';
import { AgentError } from '../core/agent-error.ts';
import type { Token } from '../core/caller.ts';
import { Redacted } from '../core/redacted.ts';

/** Reads a token, without the white space around it. Throws AgentError `token-missing`, naming the file. */
export async function readTokenFile(path: string): Promise<Token> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable';
    throw new AgentError(
      'token-missing',
      `the token file ${path} cannot be read (${reason}): name one with --token-file`,
    );
  }
  if (text.trim() === '') throw new AgentError('token-missing', `the token file ${path} is empty`);
  return new Redacted(text.trim());
}
