import { AgentError, quoteUntrusted } from '../../core/agent-error.ts';
import type { EnvoyObject, EnvoyValue } from '../envoy-bootstrap/document.ts';
import type { Finding } from './finding.ts';
import type { Plan } from './plan.ts';

/** The findings of one migration, and how many secrets come from the agent now. */
export class Findings {
  readonly notCarriedOver: Finding[] = [];
  readonly changed: Finding[] = [];
  certificates = 0;
  bundles = 0;
  /** Every `common_tls_context` that has been migrated, as it is in the output. */
  readonly tlsContexts = new WeakSet<object>();
}

/** A place in the input: the path to it, the plan that holds everywhere, and where findings go. */
export class Scope {
  readonly path: string;
  readonly plan: Plan;
  readonly findings: Findings;

  constructor(plan: Plan, findings: Findings, path = '') {
    this.path = path;
    this.plan = plan;
    this.findings = findings;
  }

  /** The place of a field, or of an item of a list. */
  at(...steps: readonly (string | number)[]): Scope {
    const join = (path: string, step: string | number): string => {
      if (typeof step === 'number') return `${path}[${step}]`;
      return path === '' ? step : `${path}.${step}`;
    };
    return new Scope(this.plan, this.findings, steps.reduce<string>(join, this.path));
  }

  /** Says that something of the input is not in the output, or would not work there. */
  notCarriedOver(what: string, why: string): void {
    this.findings.notCarriedOver.push({ path: this.path, what, why });
  }

  /** Says that something was carried over, but is not what it was. */
  changed(what: string, why: string): void {
    this.findings.changed.push({ path: this.path, what, why });
  }

  /** @throws AgentError `settings-invalid` when the value is no object */
  object(value: EnvoyValue): EnvoyObject {
    if (isObject(value)) return value;
    throw this.#unexpected(value, 'an object');
  }

  /** Envoy takes a single value for a list of one. */
  list(value: EnvoyValue): readonly EnvoyValue[] {
    return isList(value) ? value : [value];
  }

  /** @throws AgentError `settings-invalid` when the value is no text */
  text(value: EnvoyValue): string {
    if (typeof value === 'string') return value;
    throw this.#unexpected(value, 'a text');
  }

  #unexpected(value: EnvoyValue, expected: string): AgentError {
    const found = quoteUntrusted(JSON.stringify(value));
    return new AgentError(
      'settings-invalid',
      `${this.path || 'the configuration'} is ${found}: it must be ${expected}`,
    );
  }
}

export function isList(value: EnvoyValue | undefined): value is readonly EnvoyValue[] {
  return Array.isArray(value);
}

export function isObject(value: EnvoyValue | undefined): value is EnvoyObject {
  return typeof value === 'object' && !isList(value);
}
