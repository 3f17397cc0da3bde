import { AgentError } from '../../core/agent-error.ts';
import type { Redacted } from '../../core/redacted.ts';

/** A JSON object whose fields are read one by one; what is missing or of another type breaks the state. */
export class StateFields {
  readonly name: string;
  readonly #fields: ReadonlyMap<string, unknown>;

  /** @throws AgentError `ca-state-broken` for what is no object, as everything here for what does not fit */
  constructor(value: unknown, name: string) {
    if (typeof value !== 'object' || value === null) throw brokenState(`${name} is not an object`);
    this.name = name;
    this.#fields = new Map(Object.entries(value));
  }

  value(name: string): unknown {
    return this.#fields.get(name);
  }

  text(name: string): string {
    const value = this.value(name);
    if (typeof value !== 'string') throw this.#missing(name);
    return value;
  }

  /** A time in milliseconds since the epoch. */
  timeMs(name: string): number {
    const value = this.value(name);
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw this.#missing(name);
    return value;
  }

  object(name: string): StateFields {
    return new StateFields(this.value(name), `${name} of ${this.name}`);
  }

  list(name: string): readonly StateFields[] {
    const value = this.value(name);
    if (!Array.isArray(value)) throw this.#missing(name);
    return value.map((item, index) => new StateFields(item, `${name}[${index}] of ${this.name}`));
  }

  #missing(name: string): AgentError {
    return brokenState(`in ${this.name} ${name} is missing`);
  }
}

/**
 * Reads the text of a state file.
 *
 * @param format what its field `format` has to be
 * @throws AgentError `ca-state-broken`, without the content
 */
export function parseStateFields(text: Redacted<string>, format: number): StateFields {
  const fields = new StateFields(parseJson(text), 'the file');
  if (fields.value('format') === format) return fields;
  throw brokenState(`its format is not ${format}: it was written by another version`);
}

/** That a state file is broken, and how: for the message, without the content. */
export function brokenState(fault: string): AgentError {
  return new AgentError('ca-state-broken', fault);
}

function parseJson(text: Redacted<string>): unknown {
  try {
    return JSON.parse(text.reveal());
  } catch {
    // The cause would quote the text, which holds keys.
    throw brokenState('it is not JSON');
  }
}
