/** A part of an Envoy configuration as data, with Envoy's own field names (snake case, as in its YAML). */
export type EnvoyValue = string | number | boolean | readonly EnvoyValue[] | EnvoyObject;

export interface EnvoyObject {
  readonly [field: string]: EnvoyValue;
}

/** A message inside an `Any`: Envoy tells its extensions apart by the type alone. */
export function typed(type: string, fields: EnvoyObject = {}): EnvoyObject {
  return { '@type': `type.googleapis.com/${type}`, ...fields };
}

/** An extension of Envoy: a name for people, and the typed configuration. */
export function extension(name: string, type: string, fields: EnvoyObject = {}): EnvoyObject {
  return { name, typed_config: typed(type, fields) };
}
