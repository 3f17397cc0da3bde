import { AgentError } from '../../core/agent-error.ts';
import type { EnvoyObject, EnvoyValue } from '../envoy-bootstrap/document.ts';
import type { Scope } from './scope.ts';

/** Turns one message into another; undefined where nothing of it remains. */
export type Migrate = (message: EnvoyObject, scope: Scope) => EnvoyObject | undefined;

/** Migrates a message by changing a draft of it. */
export function edit(change: (draft: Draft) => void): (message: EnvoyObject, scope: Scope) => EnvoyObject {
  return (message, scope) => {
    const draft = new Draft(message, scope);
    change(draft);
    return draft.toObject();
  };
}

/**
 * A message while it is migrated. Fields that nobody touches stay as they are: what Envoy does not know, it refuses
 * itself, so nothing is lost in silence. Field names may be written as in protobuf's JSON (`trustedCa`); they come
 * out as in Envoy's documentation (`trusted_ca`).
 */
export class Draft {
  readonly scope: Scope;
  #fields: [string, EnvoyValue][];

  constructor(message: EnvoyObject, scope: Scope) {
    this.scope = scope;
    this.#fields = Object.entries(message).map(([name, value]) => [toSnakeCase(name), value]);
    const twice = this.#fields.find(([name], index) => this.#fields.findIndex(([other]) => other === name) < index);
    if (twice !== undefined) {
      throw new AgentError('settings-invalid', `${scope.at(twice[0]).path} is there twice, in two spellings`);
    }
  }

  get(name: string): EnvoyValue | undefined {
    return this.#fields.find(([field]) => field === name)?.[1];
  }

  /** Gives a field's value and removes it. */
  take(name: string): EnvoyValue | undefined {
    const value = this.get(name);
    this.#fields = this.#fields.filter(([field]) => field !== name);
    return value;
  }

  /** Puts a field in its place, or at the end where there is none; undefined removes it. */
  set(name: string, value: EnvoyValue | undefined): void {
    if (value === undefined) this.take(name);
    else if (this.get(name) === undefined) this.#fields.push([name, value]);
    else this.#fields = this.#fields.map((field) => (field[0] === name ? [name, value] : field));
  }

  /** Another name for a field, which keeps its place. */
  rename(from: string, to: string): void {
    if (this.get(from) === undefined) return;
    if (this.get(to) !== undefined)
      throw new AgentError('settings-invalid', `${this.scope.path} has ${from} and ${to}`);
    this.#fields = this.#fields.map(([name, value]) => [name === from ? to : name, value]);
  }

  /** Migrates the message in a field, where there is one. */
  object(name: string, migrate: Migrate): void {
    const value = this.get(name);
    const scope = this.scope.at(name);
    if (value !== undefined) this.set(name, migrate(scope.object(value), scope));
  }

  /** Changes the message in a field, where there is one, in a draft of its own. */
  within(name: string, change: (inner: Draft) => void): void {
    this.object(name, edit(change));
  }

  /** The same for each message of a list. */
  withinEach(name: string, change: (inner: Draft) => void): void {
    this.list(name, edit(change));
  }

  /** Migrates each message of a list; those of which nothing remains are left out. */
  list(name: string, migrate: Migrate): void {
    this.each(name, (value, scope) => migrate(scope.object(value), scope));
  }

  /** The same for a list of anything. */
  each(name: string, migrate: (value: EnvoyValue, scope: Scope) => EnvoyValue | undefined): void {
    const list = this.get(name);
    if (list === undefined) return;
    const at = this.scope.at(name);
    const items = at.list(list).map((value, index) => migrate(value, at.at(index)));
    this.set(
      name,
      items.filter((item) => item !== undefined),
    );
  }

  /** Removes a field for which there is nothing in Envoy 1.40, and says so. */
  drop(name: string, why: string): void {
    if (this.take(name) !== undefined) this.scope.notCarriedOver(name, why);
  }

  toObject(): EnvoyObject {
    return Object.fromEntries(this.#fields);
  }
}

function toSnakeCase(name: string): string {
  return /^[a-z][a-zA-Z0-9]*$/.test(name) ? name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : name;
}
