import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContext } from 'node:tls';
import { AgentError, quoteUntrusted, toAgentError } from '../../core/agent-error.ts';
import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import { parseCertificate } from '../../keys/certificate.ts';
import { parsePem, toPemBundle } from '../../keys/pem.ts';
import { fileStamp } from './file-stamp.ts';

/** The roots that a CA's server certificate is verified with. */
export interface TlsRoots {
  /** A new object when the roots have changed, else the same one. Never rejects. */
  current(): Promise<SecureContext>;
}

/** Node's own roots, and those of `NODE_EXTRA_CA_CERTS`. */
export function publicTlsRoots(): TlsRoots {
  const context = createSecureContext();
  return { current: async () => context };
}

/**
 * The roots in the file of `CA_ROOT_CA`. Each time the file is looked at, and read where its stamp is not the one that
 * it had when it was read last: that sees every way in which it can change, also the swapped `..data` symlink of a
 * Kubernetes volume. (Reading it takes four times as much.)
 * What cannot be used, for example half of a file, replaces nothing and is told once.
 */
export class FileTlsRoots implements TlsRoots {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #log: Log;
  /** As it was before the file was read; undefined: it has to be read again. */
  #stamp: string | undefined;
  #text: string;
  #context: SecureContext;
  #fault: string | undefined;
  #reading: Promise<void> | undefined;

  private constructor(path: string, clock: Clock, log: Log, text: string) {
    this.#path = path;
    this.#clock = clock;
    this.#log = log;
    this.#text = text;
    this.#context = toSecureContext(text);
  }

  /** @throws AgentError `settings-invalid`, naming the setting and the file */
  static async load(path: string, clock: Clock, log: Log): Promise<FileTlsRoots> {
    try {
      return new FileTlsRoots(path, clock, log, await readFile(path, 'utf8'));
    } catch (cause) {
      const fault = `the file of CA_ROOT_CA, ${quoteUntrusted(path)}, cannot be used: ${faultOf(cause)}`;
      throw new AgentError('settings-invalid', fault, { cause });
    }
  }

  async current(): Promise<SecureContext> {
    // Shared, so that an answer of the file system never overtakes a newer one.
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
    return this.#context;
  }

  async #read(): Promise<void> {
    const known = this.#stamp;
    this.#stamp = undefined;
    try {
      // Before it is read: what changes in between shows in the next one.
      const stamp = fileStamp(this.#path, this.#clock);
      const isKnown = stamp !== undefined && stamp === known;
      const text = isKnown ? undefined : await readFile(this.#path, 'utf8');
      this.#stamp = stamp;
      if (text === undefined) return;
      if (text !== this.#text) {
        this.#context = toSecureContext(text);
        this.#text = text;
        this.#log.info('the roots that verify the CA have changed; it is connected to anew', { file: this.#path });
      }
      this.#fault = undefined;
    } catch (thrown) {
      const fault = faultOf(thrown);
      if (fault === this.#fault) return;
      this.#fault = fault;
      const error = toAgentError(thrown);
      this.#log.warn('the file of CA_ROOT_CA cannot be used; its last good content is', { file: this.#path, error });
    }
  }
}

/** @throws AgentError `ca-answer-invalid` where the text is anything but certificates in PEM */
function toSecureContext(text: string): SecureContext {
  const ders = parsePem(text, 'CERTIFICATE');
  for (const der of ders) parseCertificate(der);
  return createSecureContext({ ca: toPemBundle('CERTIFICATE', ders) });
}

function faultOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
