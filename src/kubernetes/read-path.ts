/** What is at this place in an object that came as JSON; undefined where there is nothing. */
export function readPath(value: unknown, ...names: readonly string[]): unknown {
  let found = value;
  for (const name of names) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined;
    found = Reflect.get(found, name);
  }
  return found;
}

/** The text at this place; undefined for anything else, and for the empty text. */
export function readText(value: unknown, ...names: readonly string[]): string | undefined {
  const found = readPath(value, ...names);
  return typeof found === 'string' && found !== '' ? found : undefined;
}

/** The list at this place; an empty one for anything else. Kubernetes leaves empty lists out, or writes `null`. */
export function readList(value: unknown, ...names: readonly string[]): readonly unknown[] {
  const found = readPath(value, ...names);
  return Array.isArray(found) ? found : [];
}
