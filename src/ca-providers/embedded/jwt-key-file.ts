import { join } from 'node:path';
import { AgentError, quoteUntrusted } from '../../core/agent-error.ts';
import { Redacted } from '../../core/redacted.ts';
import { type JwtKey, parseJwtKey } from './jwt-key.ts';
import type { Schedule } from './jwt-key-schedule.ts';
import { PrivateFile } from './private-file.ts';
import { brokenState, parseStateFields } from './state-fields.ts';

/** Grows when a program that knows only the older form would misread the newer one. */
const FORMAT = 1;

export type JwtKeys = Schedule<JwtKey>;

/**
 * Where the keys that sign JWT-SVIDs are kept: `jwt-keys.json` in `STATE_DIR`, apart from those of the CA. Every method
 * rejects with `ca-state-broken`; what is broken stays as it is.
 */
export class JwtKeyFile {
  readonly #file: PrivateFile;
  readonly #trustDomain: string;
  /** What was read last: importing keys is dear, and the file hardly ever changes. */
  #known: { readonly text: Redacted<string>; readonly keys: JwtKeys } | undefined;

  constructor(stateDir: string, trustDomain: string) {
    this.#file = new PrivateFile(join(stateDir, 'jwt-keys.json'));
    this.#trustDomain = trustDomain;
  }

  get path(): string {
    return this.#file.path;
  }

  /** The keys; undefined when there is no file yet. */
  async load(): Promise<JwtKeys | undefined> {
    const text = await this.#file.read();
    if (text === undefined) return undefined;
    if (text === this.#known?.text.reveal()) return this.#known.keys;
    const keys = await this.#parse(new Redacted(text));
    this.#known = { text: new Redacted(text), keys };
    return keys;
  }

  /** The keys, which have to be there. */
  async loadExisting(): Promise<JwtKeys> {
    const keys = await this.load();
    if (keys !== undefined) return keys;
    throw new AgentError(
      'ca-state-broken',
      `${this.path} has gone: restore it, or start the agent anew to make new keys`,
    );
  }

  /** Keeps the first keys. False when another process was faster: then `load` gives its keys. */
  create(keys: JwtKeys): Promise<boolean> {
    return this.#file.create(this.#write(keys).reveal());
  }

  replace(keys: JwtKeys): Promise<void> {
    return this.#file.replace(this.#write(keys).reveal());
  }

  #write(keys: JwtKeys): Redacted<string> {
    const written = keys.map(({ signsFromMs, pem }) => ({ signsFromMs, key: pem.reveal() }));
    return new Redacted(
      `${JSON.stringify({ format: FORMAT, trustDomain: this.#trustDomain, keys: written }, undefined, 2)}\n`,
    );
  }

  async #parse(text: Redacted<string>): Promise<JwtKeys> {
    try {
      const fields = parseStateFields(text, FORMAT);
      const trustDomain = fields.text('trustDomain');
      if (trustDomain !== this.#trustDomain) throw brokenState(`it is of trust domain ${quoteUntrusted(trustDomain)}`);
      const keys = await Promise.all(
        fields.list('keys').map((key) => parseJwtKey(new Redacted(key.text('key')), key.timeMs('signsFromMs'))),
      );
      const [first, ...later] = keys.sort((a, b) => a.signsFromMs - b.signsFromMs);
      if (first === undefined) throw brokenState('it holds no key');
      return [first, ...later];
    } catch (cause) {
      if (!(cause instanceof AgentError)) throw cause;
      const remedy = 'restore it from a backup, or remove it: tokens that are still valid are then refused';
      throw new AgentError('ca-state-broken', `${this.path} is broken: ${cause.message}: ${remedy}`, { cause });
    }
  }
}
