import { type Node, parseDocument, type Scalar, type ScalarTag } from 'yaml';
import { AgentError, quoteUntrusted } from '../../core/agent-error.ts';
import type { EnvoyObject, EnvoyValue } from '../envoy-bootstrap/document.ts';
import { isObject } from './scope.ts';

/** Words that Envoy's YAML reader takes for booleans, besides `true` and `false`. */
const YES_OR_NO: ScalarTag = {
  tag: 'tag:yaml.org,2002:bool',
  default: true,
  test: /^(?:y|yes|on|n|no|off)$/i,
  resolve: (text) => /^(?:y|yes|on)$/i.test(text),
};

/** More than any configuration has; each secret of an `envoy-config` bootstrap repeats its source by an alias. */
const MOST_ALIASES = 10_000;

/**
 * Reads a configuration in YAML or JSON. A `null` is the same as an absent field, as it is for Envoy.
 *
 * @throws AgentError `settings-invalid` when it is neither, with line and column
 */
export function parseConfiguration(text: string): EnvoyObject {
  const document = parseDocument(text, { customTags: (tags) => [YES_OR_NO, ...tags], prettyErrors: true });
  const [fault] = document.errors;
  if (fault !== undefined) {
    const [position] = fault.linePos ?? [];
    const where = position === undefined ? '' : `line ${position.line}, column ${position.col}: `;
    throw invalid(`${where}${(fault.message.split(' at line ')[0] ?? '').toLowerCase()}`);
  }
  const value = toValue(toData(document), '');
  if (!isObject(value)) throw invalid('an object is expected, with fields such as static_resources');
  return value;
}

function toData(document: {
  toJS(options: { maxAliasCount: number }): unknown;
  contents: Node | Scalar | null;
}): unknown {
  try {
    return document.toJS({ maxAliasCount: MOST_ALIASES });
  } catch (cause) {
    throw new AgentError('settings-invalid', 'the configuration cannot be read: too many aliases, or an unknown one', {
      cause,
    });
  }
}

function toValue(data: unknown, path: string): EnvoyValue {
  if (typeof data === 'string' || typeof data === 'boolean') return data;
  if (typeof data === 'number') {
    if (Number.isFinite(data) && (!Number.isInteger(data) || Number.isSafeInteger(data))) return data;
    throw invalid(`${path} is ${data}: put a number of that size into quotes`);
  }
  if (Array.isArray(data)) return data.map((item: unknown, index) => toValue(item, `${path}[${index}]`));
  if (typeof data === 'object' && data !== null) {
    const fields = Object.entries(data).filter(([, value]) => value !== null && value !== undefined);
    return Object.fromEntries(
      fields.map(([name, value]) => [name, toValue(value, path === '' ? name : `${path}.${name}`)]),
    );
  }
  throw invalid(`${path || 'it'} is ${quoteUntrusted(String(data))}, which no configuration can hold there`);
}

function invalid(fault: string): AgentError {
  return new AgentError('settings-invalid', `the configuration cannot be read: ${fault}`);
}
