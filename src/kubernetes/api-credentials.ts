import { readFile } from 'node:fs/promises';
import { AgentError, quoteUntrusted } from '../core/agent-error.ts';
import { Redacted } from '../core/redacted.ts';

/** What the agent shows to the API server, and what it knows the API server by. */
export interface ApiCredentials {
  /** The agent's own bearer token; undefined: it shows none. */
  readonly token: Redacted<string> | undefined;
  /** PEM roots; undefined: Node's own. */
  readonly ca: string | undefined;
}

/**
 * Reads both files. That is done for each request: the token of a service account is replaced about every hour, the
 * roots now and then, both by a swapped link that no watch of a file sees reliably.
 *
 * @throws AgentError `kubernetes-credential-unusable`, naming setting and file
 */
export async function readApiCredentials(files: {
  readonly caFile: string | undefined;
  readonly tokenFile: string | undefined;
}): Promise<ApiCredentials> {
  const [token, ca] = await Promise.all([
    readSetting('KUBERNETES_API_TOKEN_FILE', files.tokenFile),
    readSetting('KUBERNETES_API_CA_FILE', files.caFile),
  ]);
  return { token: token === undefined ? undefined : new Redacted(token), ca };
}

async function readSetting(setting: string, path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw unusable(setting, path, 'cannot be read; does the pod mount its service account?', cause);
  });
  const trimmed = text.trim();
  if (trimmed === '') throw unusable(setting, path, 'is empty');
  return trimmed;
}

function unusable(setting: string, path: string, why: string, cause?: unknown): AgentError {
  const message = `the file of ${setting}, ${quoteUntrusted(path)}, ${why}`;
  return new AgentError('kubernetes-credential-unusable', message, { cause });
}
