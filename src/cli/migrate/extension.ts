import type { EnvoyObject, EnvoyValue } from '../envoy-bootstrap/document.ts';
import { Draft, type Migrate } from './draft.ts';
import { EXTENSIONS, type Extension, type ExtensionPlace } from './extension-table.ts';
import type { Scope } from './scope.ts';

/** What becomes of the configuration inside of an extension, by its v3 type; others stay as they are. */
export type ConfigRules = Readonly<Record<string, Migrate>>;

export const TYPE_PREFIX = 'type.googleapis.com/';

/** A message in a message, whose own type says how it is to be read. */
const TYPED_STRUCT = /\.TypedStruct$/;

/**
 * Migrates `{name, config}` or `{name, typed_config}`. Undefined, with a finding, when Envoy 1.40 has no such
 * extension; what then has to stand in its place, the caller knows.
 */
export function migrateExtension(
  message: EnvoyObject,
  place: ExtensionPlace,
  scope: Scope,
  rules: ConfigRules = {},
  consequence = 'it was left out',
): EnvoyObject | undefined {
  const draft = new Draft(message, scope);
  const name = scope.at('name').text(draft.get('name') ?? '');
  const field = draft.get('typed_config') === undefined ? 'config' : 'typed_config';
  const untyped = draft.take('config');
  const config = readConfig(draft.get('typed_config') ?? untyped, scope.at(field));
  // Since v3 its configuration may come from a server; then there is nothing here to look at.
  if (draft.get('config_discovery') !== undefined) return draft.toObject();
  const extension = find(place, name, config.type);
  if (extension === undefined && isGone(config.type)) {
    scope.notCarriedOver(name || (config.type ?? place), `Envoy 1.40 has no such ${place}: ${consequence}`);
    return undefined;
  }
  if (extension === undefined && !/^(?:envoy|xds|udpa)\./.test(config.type ?? '')) {
    scope.notCarriedOver(name || place, 'kept as it is: only an Envoy that somebody has extended by it takes it');
  }
  const type = extension?.type ?? config.type ?? '';
  draft.set('name', extension?.name ?? name);
  draft.set('typed_config', {
    '@type': `${TYPE_PREFIX}${type}`,
    ...(rules[type]?.(config.fields, scope.at(field)) ?? config.fields),
  });
  return draft.toObject();
}

/** What v2 found by its name alone, types of v2, and what only the Envoy of Istio's proxies had. */
function isGone(type: string | undefined): boolean {
  return type === undefined || isOld(type) || type.startsWith('istio.');
}

/** Whether a type belongs to an API that Envoy 1.40 does not know any more. */
export function isOld(type: string): boolean {
  return (
    /^envoy\.(?:.*\.)?v[12](?:alpha\d*)?\./.test(type) || /^envoy\.(?:type|config\.retry)\.[a-z_.]*[A-Z]/.test(type)
  );
}

/** The type in an `Any`, without its prefix; undefined where there is none. */
export function typeOf(message: EnvoyObject): string | undefined {
  const url = message['@type'];
  return typeof url === 'string' ? url.replace(/^.*\//, '') : undefined;
}

interface Config {
  readonly type: string | undefined;
  readonly fields: EnvoyObject;
}

function readConfig(value: EnvoyValue | undefined, scope: Scope): Config {
  const message = scope.object(value ?? {});
  const type = typeOf(message);
  const { '@type': _, ...fields } = message;
  if (type === undefined || !TYPED_STRUCT.test(type)) return { type, fields };
  const struct = new Draft(fields, scope);
  const inner = scope.at('type_url').text(struct.get('type_url') ?? '');
  return { type: inner.replace(/^.*\//, ''), fields: scope.at('value').object(struct.get('value') ?? {}) };
}

/** By the type if it has one: the name is for people then. */
function find(place: ExtensionPlace, name: string, type: string | undefined): Extension | undefined {
  const here = EXTENSIONS.filter((extension) => extension.place === place);
  if (type !== undefined) return here.find((one) => one.type === type || one.oldType === type);
  return here.find((one) => one.name === name || one.oldNames.includes(name));
}
