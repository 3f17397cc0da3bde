import type { EnvoyObject, EnvoyValue } from './document.ts';

/**
 * Prints a configuration as YAML in block style, keys in the order they have. An object that stands in several
 * places is written once, with an anchor, and referred to afterwards.
 */
export function toYaml(document: EnvoyObject): string {
  const printer = new YamlPrinter(findShared(document));
  return `${printer.object(document, '')}\n`;
}

class YamlPrinter {
  readonly #shared: ReadonlySet<EnvoyValue>;
  readonly #anchors = new Map<EnvoyValue, string>();

  constructor(shared: ReadonlySet<EnvoyValue>) {
    this.#shared = shared;
  }

  object(object: EnvoyObject, indent: string): string {
    const lines = Object.entries(object).map(([key, value]) => `${scalar(key)}:${this.#after(key, value, indent)}`);
    return lines.join(`\n${indent}`);
  }

  /** What follows `key:`, on the same line or on the next ones. */
  #after(key: string, value: EnvoyValue, indent: string): string {
    if (typeof value !== 'object') return ` ${scalar(value)}`;
    const known = this.#anchors.get(value);
    if (known !== undefined) return ` *${known}`;
    let anchor = '';
    if (this.#shared.has(value)) {
      const taken = [...this.#anchors.values()].includes(key);
      const name = taken ? `${key}_${this.#anchors.size}` : key;
      this.#anchors.set(value, name);
      anchor = ` &${name}`;
    }
    if (isEmpty(value)) return `${anchor} ${isList(value) ? '[]' : '{}'}`;
    const block = isList(value) ? this.#list(value, `${indent}  `) : this.object(value, `${indent}  `);
    return `${anchor}\n${indent}  ${block}`;
  }

  #list(list: readonly EnvoyValue[], indent: string): string {
    return list.map((item) => `- ${this.#item(item, `${indent}  `)}`).join(`\n${indent}`);
  }

  #item(item: EnvoyValue, indent: string): string {
    if (typeof item !== 'object') return scalar(item);
    if (isEmpty(item)) return isList(item) ? '[]' : '{}';
    return isList(item) ? this.#list(item, indent) : this.object(item, indent);
  }
}

/** Field values that are met more than once. */
function findShared(document: EnvoyObject): ReadonlySet<EnvoyValue> {
  const met = new Set<EnvoyValue>();
  const shared = new Set<EnvoyValue>();
  const visit = (value: EnvoyValue): void => {
    if (typeof value !== 'object') return;
    if (met.has(value)) {
      shared.add(value);
      return;
    }
    met.add(value);
    for (const part of isList(value) ? value : Object.values(value)) visit(part);
  };
  visit(document);
  return shared;
}

function isList(value: EnvoyValue): value is readonly EnvoyValue[] {
  return Array.isArray(value);
}

function isEmpty(value: EnvoyObject | readonly EnvoyValue[]): boolean {
  return Object.keys(value).length === 0;
}

/** A text that YAML, of any version, cannot take for something else: no number, boolean, null, alias or comment. */
const PLAIN = /^(?!(?:true|false|null|yes|no|on|off|y|n)$)[a-z_/][\w./-]*$/i;

/** Any other text in double quotes: JSON's escapes mean the same in YAML. */
function scalar(value: string | number | boolean): string {
  if (typeof value !== 'string') return String(value);
  return PLAIN.test(value) ? value : JSON.stringify(value);
}
