import { readFile } from 'node:fs/promises';
import { AgentError } from '../core/agent-error.ts';
import type { Log } from '../core/log.ts';
import { Redacted } from '../core/redacted.ts';
import type { ShowServerCertificate } from '../core/server-certificate.ts';
import { sha256Hex } from '../keys/digest.ts';

export interface ServerCertificateFilesOptions {
  /** PEM, leaf first. */
  readonly certificateFile: string;
  /** PEM. */
  readonly keyFile: string;
  readonly show: ShowServerCertificate;
  readonly log: Log;
}

/** A TLS server's certificate from two files that somebody else replaces now and then. */
export class ServerCertificateFiles {
  readonly #options: ServerCertificateFilesOptions;
  /** A digest of what was read last, good or not: the same is not tried twice. */
  #seen: string | undefined;

  constructor(options: ServerCertificateFilesOptions) {
    this.#options = options;
  }

  /**
   * Reads the files, and shows what is in them where it has changed. Rejects with an `AgentError` `settings-invalid`
   * that names them: then the old certificate is still shown.
   */
  async refresh(): Promise<void> {
    const { certificateFile, keyFile, show, log } = this.#options;
    const certificate = await read(certificateFile, '--tls-cert');
    const key = await read(keyFile, '--tls-key');
    const digest = sha256Hex(Buffer.concat([certificate, key]));
    if (digest === this.#seen) return;
    this.#seen = digest;
    try {
      show({ chainPem: certificate.toString(), keyPem: new Redacted(key) });
    } catch (cause) {
      const files = `${certificateFile} and ${keyFile} (--tls-cert, --tls-key)`;
      const fault = cause instanceof Error ? cause.message : 'unknown error';
      throw new AgentError('settings-invalid', `${files}: ${fault}`, { cause });
    }
    log.info('the server shows the certificate of a file', { file: certificateFile });
  }
}

async function read(path: string, flag: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'unknown error';
    throw new AgentError('settings-invalid', `${flag} cannot be read: ${reason}`, { cause });
  }
}
