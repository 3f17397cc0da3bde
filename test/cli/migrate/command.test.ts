import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { parse } from 'yaml';
import { migrate } from '../../../src/cli/migrate.ts';
import { RecordingIo } from '../recording-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'migrate-command-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function write(text: string): string {
  const file = join(folder, 'configuration');
  writeFileSync(file, text);
  return file;
}

async function run(argv: readonly string[], env: Record<string, string> = {}) {
  const io = new RecordingIo(env);
  const status = await migrate.run(argv, io);
  return { status, out: io.out, err: io.err };
}

const COMPLETE = 'node: {id: a, cluster: b}\n';
const INCOMPLETE = 'node: {id: a, cluster: b}\nstats_sinks: [{name: "acme\\u001b[2J\\nsink"}]\n';

describe('the command migrate', () => {
  it('prints the configuration to stdout and what happened to stderr', async () => {
    const { status, out, err } = await run([write(INCOMPLETE)]);
    assert.equal(status, 0);
    assert.deepEqual(parse(out), { node: { id: 'a', cluster: 'b' }, stats_sinks: [] });
    assert.match(err, /^not carried over:\n {2}stats_sinks\[0\]: acme\S*sink\n {4}Envoy 1.40 has no such stats sink/);
    assert.match(err, /0 certificates and 0 trust bundles come from the agent now; 1 not carried over, 0 changed\n$/);
  });

  it('lets nothing out of the file reach the terminal as a control character', async () => {
    const { err } = await run([write(INCOMPLETE)]);
    assert.match(err, /acme\\u001b\[2J\\u000asink/);
  });

  it('ends with 1 for --strict when something was not carried over, and still prints everything', async () => {
    const strict = await run([write(INCOMPLETE), '--strict']);
    const lenient = await run([write(INCOMPLETE)]);
    assert.deepEqual(strict, { ...lenient, status: 1 });
    assert.equal((await run([write(COMPLETE), '--strict'])).status, 0);
  });

  it('gives machines the configuration and both lists as one JSON object', async () => {
    const { out, err } = await run([write(INCOMPLETE), '--json']);
    const report = JSON.parse(out);
    assert.deepEqual(Object.keys(report), ['configuration', 'not_carried_over', 'changed']);
    assert.deepEqual(report.not_carried_over, [
      {
        path: 'stats_sinks[0]',
        what: 'acme\u001b[2J\nsink',
        why: 'Envoy 1.40 has no such stats sink: it was left out',
      },
    ]);
    assert.equal(err, '');
  });

  it('leaves the file as it is', async () => {
    const file = write(INCOMPLETE);
    await run([file]);
    assert.equal(readFileSync(file, 'utf8'), INCOMPLETE);
  });

  it('asks the agent at the socket of its environment, or of the flag, with the token of the flag', async () => {
    const file = write(
      'static_resources: {clusters: [{name: a, tls_context: {common_tls_context: {tls_certificates: [{certificate_chain: {filename: /etc/certs/cert-chain.pem}}]}}}]}',
    );
    assert.match((await run([file], { SDS_UDS_PATH: '/run/a' })).out, /target_uri: "unix:\/run\/a"/);
    const { out } = await run([file, '--socket', '/run/b', '--token-file', '/run/token'], { SDS_UDS_PATH: '/run/a' });
    assert.match(out, /target_uri: "unix:\/run\/b"/);
    assert.match(out, /filename: \/run\/token\n/);
  });

  const FILES = ['--certificate', '/pki/web.crt', '--ca', '/pki/ca.crt,/pki/old-ca.crt'];
  it('takes the files that it is told for the workload, and no others', async () => {
    const context = (chain: string, ca: string): string =>
      `{name: c, tls_context: {common_tls_context: {tls_certificates: [{certificate_chain: {filename: ${chain}}}], validation_context: {trusted_ca: {filename: ${ca}}}}}}`;
    const clusters = [
      context('/pki/web.crt', '/pki/ca.crt'),
      context('/pki/web.crt', '/pki/old-ca.crt'),
      context('/etc/certs/cert-chain.pem', '/etc/certs/root-cert.pem'),
    ];
    const { out, err } = await run([write(`static_resources: {clusters: [${clusters.join(', ')}]}`), ...FILES]);
    assert.equal(out.match(/name: ROOTCA/g)?.length, 2);
    assert.equal(out.match(/name: default/g)?.length, 2);
    assert.match(err, /clusters\[2\]\S*: \/etc\/certs\/root-cert.pem\n/);
  });

  const FAULTS: Readonly<Record<string, readonly [string, readonly string[], RegExp]>> = {
    'text that is no YAML': ['a: [1, 2\nb: 3', [], /line \d+, column \d+/],
    'a field that is there twice': ['node: {}\nnode: {}', [], /line 2.*unique/],
    'a field in two spellings': [
      'admin: {accessLogPath: a, access_log_path: b}',
      [],
      /admin.access_log_path is there twice/,
    ],
    'a list': ['- a', [], /an object is expected/],
    'an empty file': ['', [], /cannot be read/],
    'something that is no Envoy configuration': ['apiVersion: v1\nkind: Pod', [], /no Envoy bootstrap/],
    'a message that is a text': [
      'static_resources: {clusters: [a]}',
      [],
      /static_resources.clusters\[0\] is "\\"a\\""/,
    ],
    'a number that JavaScript would round': ['admin: {x: 9007199254740993}', [], /quotes/],
    'an alias that leads nowhere': ['node: *a', [], /alias/],
    'several documents': ['node: {}\n---\nnode: {}', [], /cannot be read/],
    'the ads mode': [COMPLETE, ['--mode', 'ads'], /--mode is "ads"/],
    'a relative socket': [COMPLETE, ['--socket', 'run/sds'], /--socket is "run\/sds"/],
    'several tokens': [
      `static_resources: {clusters: [${['/a', '/b'].map((file) => `{name: c, x: {sds_config: {api_config_source: {grpc_services: [{google_grpc: {call_credentials: [{from_plugin: {config: {secret_data: {filename: ${file}}}}}]}}]}}}}`).join(', ')}]}`,
      [],
      /\/a, \/b: say with --token-file/,
    ],
    'a cluster that has the name of the agent': [
      'static_resources: {clusters: [{name: sds_agent}, {name: a, tls_context: {common_tls_context: {tls_certificates: [{certificate_chain: {filename: /etc/certs/cert-chain.pem}}]}}}]}',
      ['--mode', 'rest'],
      /a cluster sds_agent for another purpose/,
    ],
  };
  for (const [fault, [text, flags, message]] of Object.entries(FAULTS)) {
    it(`refuses ${fault}, says why, and prints nothing`, async () => {
      const io = new RecordingIo();
      await assert.rejects(migrate.run([write(text), ...flags], io), (error: Error & { code: string }) => {
        assert.equal(error.code, 'settings-invalid');
        assert.match(error.message, message);
        return true;
      });
      assert.equal(io.out, '');
    });
  }

  it('names a file that cannot be read', async () => {
    await assert.rejects(run([join(folder, 'missing')]), /missing cannot be read: ENOENT/);
  });
});

describe('the reader of configurations', () => {
  it('takes what Envoy took: words for booleans, trailing commas, texts without quotes, nulls', async () => {
    const text = `{"node": {"id": a, "cluster": "b",}, "admin": {"profile_path": /dev/null, "ignore_global_conn_limit": yes}, "hds_config": null,}`;
    const { out } = await run([write(text)]);
    assert.deepEqual(parse(out), {
      node: { id: 'a', cluster: 'b' },
      admin: { profile_path: '/dev/null', ignore_global_conn_limit: true },
    });
  });

  it('follows as many aliases as a configuration of envoy-config has', async () => {
    const aliases = Array.from({ length: 500 }, (_, index) => `  - {id: a${index}, locality: *here}`).join('\n');
    const { out } = await run([
      write(
        `node: {locality: &here {region: x}, list:\n${aliases}\n}`
          .replace('list:\n', 'id: a}\nx:\n')
          .replace(/\n}$/, ''),
      ),
    ]);
    assert.equal(parse(out).x.length, 500);
  });
});

/** Parts of a configuration that only a finding can be expected of. */
describe('what migrate says about things that it does not know', () => {
  const tls = {
    common_tls_context: { tls_certificates: [{ certificate_chain: { filename: '/etc/certs/cert-chain.pem' } }] },
  };
  const filters = (...list: object[]) => ({
    static_resources: { listeners: [{ name: 'a', filter_chains: [{ filters: list }] }] },
  });
  const CASES: Readonly<Record<string, readonly [object, RegExp, RegExp]>> = {
    'a TLS context inside of another transport socket': [
      {
        static_resources: {
          clusters: [
            {
              name: 'a',
              transport_socket: {
                name: 'x',
                typed_config: {
                  '@type': 't/envoy.extensions.transport_sockets.tap.v3.Tap',
                  transport_socket: { typed_config: tls },
                },
              },
            },
          ],
        },
      },
      /clusters\[0\]\.transport_socket\.typed_config\.transport_socket\.typed_config/,
      /no TLS context was looked for/,
    ],
    'a v2 type inside of something else': [
      {
        static_resources: {
          listeners: [
            {
              api_listener: {
                api_listener: {
                  '@type': 't/envoy.config.filter.network.http_connection_manager.v2.HttpConnectionManager',
                },
              },
            },
          ],
        },
      },
      /listeners\[0\]\.api_listener\.api_listener$/,
      /Envoy refuses it/,
    ],
    'a server that is asked with v2 in a place of its own': [
      { config_sources: [{ api_config_source: { api_type: 'GRPC' } }] },
      /config_sources\[0\]/,
      /v2 protocol/,
    ],
    'a filter of an Envoy that somebody has extended': [
      filters({ name: 'acme', typed_config: { '@type': 't/acme.Filter' } }),
      /filters\[0\]$/,
      /only an Envoy that somebody has extended/,
    ],
    'a filter that only the Envoy of Istio had': [
      filters({ name: 'mixer', typed_config: { '@type': 't/istio.mixer.v1.config.client.TcpClientConfig' } }),
      /filters\[0\]$/,
      /refuses everything/,
    ],
    'an expression that RE2 cannot take': [
      filters({
        name: 'envoy.http_connection_manager',
        config: { route_config: { virtual_hosts: [{ routes: [{ match: { regex: '/(?!admin).*' } }] }] } },
      }),
      /routes\[0\]\.match\.regex$/,
      /Envoy refuses the configuration/,
    ],
    'session ticket keys': [
      { static_resources: { clusters: [{ tls_context: { session_ticket_keys_sds_secret_config: { name: 'a' } } }] } },
      /tls_context$/,
      /makes its own/,
    ],
    'roots in a validator of their own': [
      {
        static_resources: {
          clusters: [
            { tls_context: { common_tls_context: { validation_context: { custom_validator_config: { name: 'a' } } } } },
          ],
        },
      },
      /validation_context$/,
      /as ALL$/,
    ],
  };
  for (const [what, [configuration, path, why]] of Object.entries(CASES)) {
    it(`tells of ${what}`, async () => {
      const { out } = await run([write(JSON.stringify({ node: {}, ...configuration })), '--json']);
      const findings: { path: string; why: string }[] = JSON.parse(out).not_carried_over;
      assert.equal(findings.length, 1, JSON.stringify(findings));
      assert.match(findings[0]?.path ?? '', path);
      assert.match(findings[0]?.why ?? '', why);
    });
  }

  it('leaves a filter alone whose configuration comes from a server', async () => {
    const filter = { name: 'a', config_discovery: { type_urls: ['t/envoy.X'] } };
    const { out } = await run([
      write(JSON.stringify(filters({ name: 'envoy.http_connection_manager', config: { http_filters: [filter] } }))),
      '--json',
    ]);
    assert.match(out, /"config_discovery"/);
    assert.deepEqual(JSON.parse(out).not_carried_over, []);
  });
});
