import type { EnvoyObject, EnvoyValue } from '../envoy-bootstrap/document.ts';
import { isList, isObject } from './scope.ts';

/** Calls for every object inside of a value, from the outside in, with the path to it. */
export function walk(value: EnvoyValue, visit: (object: EnvoyObject, path: string) => void, path = ''): void {
  if (isList(value)) {
    for (const [index, item] of value.entries()) walk(item, visit, `${path}[${index}]`);
  } else if (isObject(value)) {
    visit(value, path);
    for (const [name, part] of Object.entries(value)) walk(part, visit, path === '' ? name : `${path}.${name}`);
  }
}

/** What is found by going along the names, each with a second spelling in camel case; undefined where one is missing. */
export function dig(value: EnvoyValue | undefined, ...names: readonly (string | number)[]): EnvoyValue | undefined {
  return names.reduce<EnvoyValue | undefined>((found, name) => {
    if (typeof name === 'number') return isList(found) ? found[name] : name === 0 ? found : undefined;
    return isObject(found) ? (found[name] ?? found[toCamelCase(name)]) : undefined;
  }, value);
}

/** The same, where only a text is of use. */
export function digText(value: EnvoyValue | undefined, ...names: readonly (string | number)[]): string | undefined {
  const found = dig(value, ...names);
  return typeof found === 'string' ? found : undefined;
}

function toCamelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
