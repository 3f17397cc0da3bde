import { join } from 'node:path';
import { AgentError, quoteUntrusted } from '../../core/agent-error.ts';
import { Redacted } from '../../core/redacted.ts';
import { type CaState, parseCaState, writeCaState } from './ca-state.ts';
import { PrivateFile } from './private-file.ts';

/** Where the embedded CA keeps its state: `ca.json` in `STATE_DIR`. Every method rejects with `ca-state-broken`. */
export class CaStateFile {
  readonly #file: PrivateFile;
  readonly #trustDomain: string;
  /** What was read last: reading keys is dear, and the file hardly ever changes. */
  #known: { readonly text: Redacted<string>; readonly state: CaState } | undefined;

  constructor(stateDir: string, trustDomain: string) {
    this.#file = new PrivateFile(join(stateDir, 'ca.json'));
    this.#trustDomain = trustDomain;
  }

  get path(): string {
    return this.#file.path;
  }

  /** The state; undefined when there is none yet. What is broken stays as it is. */
  async load(): Promise<CaState | undefined> {
    const text = await this.#file.read();
    if (text === undefined) return undefined;
    if (text === this.#known?.text.reveal()) return this.#known.state;
    const state = this.#parse(text);
    if (state.trustDomain !== this.#trustDomain) {
      const domains = `${quoteUntrusted(state.trustDomain)}, and TRUST_DOMAIN is ${quoteUntrusted(this.#trustDomain)}`;
      throw new AgentError(
        'ca-state-broken',
        `${this.path} is of the trust domain ${domains}: set TRUST_DOMAIN back, or use another STATE_DIR`,
      );
    }
    this.#known = { text: new Redacted(text), state };
    return state;
  }

  /** The state, which has to be there. */
  async loadExisting(): Promise<CaState> {
    const state = await this.load();
    if (state !== undefined) return state;
    throw new AgentError(
      'ca-state-broken',
      `${this.path} has gone: restore it from a backup, or start the agent anew to begin with a new CA`,
    );
  }

  /** Keeps the first state. False when another process was faster: then `load` gives that one's. */
  create(state: CaState): Promise<boolean> {
    return this.#file.create(writeCaState(state).reveal());
  }

  replace(state: CaState): Promise<void> {
    return this.#file.replace(writeCaState(state).reveal());
  }

  #parse(text: string): CaState {
    try {
      return parseCaState(new Redacted(text));
    } catch (cause) {
      if (!(cause instanceof AgentError)) throw cause;
      const remedy =
        'restore it from a backup, or move it away to begin with a new CA that every peer has to trust anew';
      throw new AgentError('ca-state-broken', `${this.path} is broken: ${cause.message}: ${remedy}`, { cause });
    }
  }
}
