import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { EnvoyObject, EnvoyValue } from '../../src/cli/envoy-bootstrap/document.ts';
import { migrateConfiguration } from '../../src/cli/migrate/migrate-configuration.ts';
import type { MigrationOptions } from '../../src/cli/migrate/plan.ts';
import { walk } from '../../src/cli/migrate/walk.ts';
import { AgentError } from '../../src/core/agent-error.ts';

const OPTIONS: MigrationOptions = {
  access: {
    mode: 'google-grpc',
    grpcClient: 'google-grpc',
    socketPath: '/s',
    tokenFile: '/t',
    tokenSecretFile: undefined,
  },
  gatewaySocketPath: '/g',
  certificateFiles: [],
  caFiles: [],
};

type Matcher = Readonly<Partial<Record<'exact' | 'prefix' | 'suffix' | 'contains', string>>>;

function matches(name: string, { exact, prefix, suffix, contains }: Matcher): boolean {
  if (exact !== undefined) return name === exact;
  if (prefix !== undefined) return name.startsWith(prefix);
  if (suffix !== undefined) return name.endsWith(suffix);
  return contains !== undefined && name.includes(contains);
}

const NAMES = ['spiffe://a/ns/x/sa/y', 'spiffe://a/ns/x/sa/z', 'spiffe://b/ns/x/sa/y', 'cart.shop', '10.0.0.1', ''];
const name = fc.constantFrom(...NAMES);
const matcher: fc.Arbitrary<Matcher> = fc.oneof(
  name.map((exact) => ({ exact })),
  fc.constantFrom('spiffe://a/', 'spiffe://', 'cart').map((prefix) => ({ prefix })),
  fc.constantFrom('/sa/y', '.shop').map((suffix) => ({ suffix })),
  fc.constantFrom('/ns/x/', '0.0').map((contains) => ({ contains })),
);

/** The names that a context of before accepts: every list that is there has to let the name pass. */
function acceptedBefore(verify: readonly string[], match: readonly Matcher[]): string[] {
  return NAMES.filter(
    (one) =>
      (verify.length === 0 || verify.includes(one)) &&
      (match.length === 0 || match.some((matching) => matches(one, matching))),
  );
}

/** The names that a migrated configuration accepts: any typed matcher of the name's kind lets it pass. */
function acceptedAfter(configuration: EnvoyObject): string[] {
  let typed: readonly { san_type: string; matcher: Matcher }[] | undefined;
  walk(configuration, (object) => {
    const found = Object.entries(object).find(([field]) => field === 'match_typed_subject_alt_names');
    if (found !== undefined) typed = JSON.parse(JSON.stringify(found[1]));
  });
  const kindOf = (one: string): string =>
    one.startsWith('spiffe:') ? 'URI' : one.startsWith('10.') ? 'IP_ADDRESS' : 'DNS';
  return NAMES.filter(
    (one) => typed?.some((each) => each.san_type === kindOf(one) && matches(one, each.matcher)) ?? true,
  );
}

function clusterWith(context: EnvoyObject): EnvoyObject {
  const common = { validation_context: { trusted_ca: { filename: '/etc/certs/root-cert.pem' }, ...context } };
  return { static_resources: { clusters: [{ name: 'a', tls_context: { common_tls_context: common } }] } };
}

/** Objects made of words that mean something to a migration, in places where they do not belong. */
const WORDS = [
  ...[
    'node',
    'static_resources',
    'clusters',
    'listeners',
    'filter_chains',
    'filters',
    'tls_context',
    'common_tls_context',
  ],
  ...[
    'tls_certificates',
    'certificate_chain',
    'filename',
    'validation_context',
    'trusted_ca',
    'sds_config',
    'name',
    'config',
  ],
  ...[
    'typed_config',
    '@type',
    'hosts',
    'route_config',
    'virtual_hosts',
    'routes',
    'match',
    'regex',
    'http_filters',
    'listener_filters',
  ],
  ...[
    'verify_subject_alt_name',
    'match_subject_alt_names',
    'combined_validation_context',
    'default_validation_context',
    'admin',
  ],
  ...[
    'transport_socket',
    'tlsContext',
    'deprecated_v1',
    'runtime',
    'stats_sinks',
    'tracing',
    'http',
    '__proto__',
    'constructor',
  ],
];
const TEXTS = [
  'envoy.http_connection_manager',
  'envoy.router',
  'mixer',
  'a',
  '',
  '/etc/certs/root-cert.pem',
  'type.googleapis.com/envoy.api.v2.Cluster',
];
const anything: fc.Arbitrary<EnvoyObject> = fc.letrec<{ value: EnvoyValue; object: EnvoyObject }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'large', withCrossShrink: true },
    fc.constantFrom<EnvoyValue>(...TEXTS, 0, true),
    fc.array(tie('value'), { maxLength: 3 }),
    tie('object'),
  ),
  object: fc
    .array(fc.tuple(fc.constantFrom(...WORDS), tie('value')), { maxLength: 4 })
    .map((fields) => Object.fromEntries(fields)),
})).object;

describe('a migration', () => {
  it('never accepts a name that was refused, and loses none but where two lists met', () => {
    fc.assert(
      fc.property(fc.array(name, { maxLength: 3 }), fc.array(matcher, { maxLength: 3 }), (verify, match) => {
        const before = clusterWith({ verify_subject_alt_name: verify, match_subject_alt_names: match });
        const { configuration, findings } = migrateConfiguration(before, OPTIONS);
        const [was, is] = [acceptedBefore(verify, match), acceptedAfter(configuration)];
        for (const one of is) assert.ok(was.includes(one), `${one} is accepted now`);
        const lost = was.filter((one) => one !== '' && !is.includes(one));
        if (lost.length > 0) assert.ok(findings.notCarriedOver.length > 0, `${lost.join(', ')} is lost in silence`);
      }),
      { numRuns: 2_000 },
    );
  });

  it('ends with a configuration or with an error that names the place, whatever it is given', () => {
    fc.assert(
      fc.property(anything, (parts) => {
        try {
          migrateConfiguration({ ...parts, static_resources: parts }, OPTIONS);
        } catch (error) {
          assert.ok(error instanceof AgentError && error.code === 'settings-invalid', String(error));
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it('does not change its input', () => {
    fc.assert(
      fc.property(anything, (parts) => {
        const input = { node: {}, static_resources: parts };
        const copy = structuredClone(input);
        try {
          migrateConfiguration(input, OPTIONS);
        } catch {
          // What it thinks of the input is the other test's business.
        }
        assert.deepEqual(input, copy);
      }),
    );
  });
});
