import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { runToEnd } from '../../../demo/processes/run-to-end.ts';
import { EXTENSIONS, type ExtensionPlace } from '../../../src/cli/migrate/extension-table.ts';
import { envoyBinary, WITHOUT_ENVOY } from '../../envoy/harness/envoy-binary.ts';

/** Envoy's own API of both versions, which a package for tests carries. Tests run in the repository's root. */
const API = 'node_modules/@grpc/grpc-js-xds/deps/envoy-api/envoy';

/** Each message type of the API, and the v3 package that its file was moved to, where it says so. */
function messageTypes(): ReadonlyMap<string, string | undefined> {
  const types = new Map<string, string | undefined>();
  for (const file of readdirSync(API, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.proto')) continue;
    const text = readFileSync(join(API, file), 'utf8');
    const [, pack = ''] = /^package ([\w.]+);/m.exec(text) ?? [];
    const [, moved] = /move_to_package\s*=\s*"([\w.]+)"/.exec(text) ?? [];
    for (const [, message] of text.matchAll(/^message (\w+)/gm)) types.set(`${pack}.${message}`, moved);
  }
  return types;
}

/** How Envoy calls the places of extensions when it lists what it has. */
const CATEGORY: Readonly<Partial<Record<ExtensionPlace, string>>> = {
  'network filter': 'envoy.filters.network',
  'HTTP filter': 'envoy.filters.http',
  'route configuration': 'envoy.filters.http',
  'listener filter': 'envoy.filters.listener',
  'access logger': 'envoy.access_loggers',
  tracer: 'envoy.tracers',
  'stats sink': 'envoy.stats_sinks',
  'upstream transport socket': 'envoy.transport_sockets.upstream',
  'downstream transport socket': 'envoy.transport_sockets.downstream',
  'health checker': 'envoy.health_checkers',
  'retry host predicate': 'envoy.retry_host_predicates',
  'retry priority': 'envoy.retry_priorities',
  'resource monitor': 'envoy.resource_monitors',
  'cluster type': 'envoy.clusters',
  'call credential': 'envoy.grpc_credentials',
};

describe('the table of extensions', () => {
  it('says of every old type what the v2 API itself says, as far as the package has it', () => {
    const types = messageTypes();
    const known = EXTENSIONS.filter(({ oldType }) => types.has(oldType));
    assert.ok(known.length > EXTENSIONS.length * 0.8, `${known.length} of ${EXTENSIONS.length}`);
    for (const { type, oldType } of known) {
      const moved = types.get(oldType) ?? type.replace(/\.\w+$/, '');
      assert.equal(type, `${moved}.${oldType.replace(/^.*\./, '')}`);
    }
  });

  it('names types that the v3 API has, as far as the package has it', () => {
    const types = messageTypes();
    const unknown = EXTENSIONS.filter(({ type }) => !types.has(type)).map(({ type }) => type);
    assert.ok(unknown.length < EXTENSIONS.length * 0.2, unknown.join(', '));
  });

  it('names extensions that Envoy has', { skip: WITHOUT_ENVOY }, async () => {
    // It lists them before it finds that there is no configuration.
    const { stderr } = await runToEnd(envoyBinary(), ['-c', '/nonexistent', '--disable-hot-restart', '-l', 'info']);
    const listed = Array.from(stderr.matchAll(/\] {3}([\w.]+): (.*)$/gm), ([, category, names]) => [category, names]);
    for (const { place, name } of EXTENSIONS) {
      const [, names] = listed.find(([category]) => category === CATEGORY[place]) ?? [];
      assert.ok(names?.split(', ').includes(name), `${place} ${name}`);
    }
  });
});
