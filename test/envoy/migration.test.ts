import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { EnvoyProcess } from '../../demo/processes/envoy-process.ts';
import { eventually } from '../../demo/processes/eventually.ts';
import { httpOverUnix } from '../../demo/processes/http-over-unix.ts';
import { sidecarSockets } from '../../demo/processes/sidecar.ts';
import type { EnvoyObject } from '../../src/cli/envoy-bootstrap/document.ts';
import { WITHOUT_ENVOY } from './harness/envoy-binary.ts';
import { API, inWorld, spiffeIdOf, WEB, type World } from './harness/world.ts';

/** Certificates in files, as Citadel mounted them into every pod. */
function fromFiles(peer: string): EnvoyObject {
  return {
    tls_certificates: [
      { certificate_chain: { filename: '/etc/certs/cert-chain.pem' }, private_key: { filename: '/etc/certs/key.pem' } },
    ],
    validation_context: { trusted_ca: { filename: '/etc/certs/root-cert.pem' }, verify_subject_alt_name: [peer] },
  };
}

/** Certificates from Istio's node agent of 1.1 to 1.4, with a call credential that has no type. */
function fromNodeAgent(peer: string, tokenFile: string): EnvoyObject {
  const secret = (name: string): EnvoyObject => ({
    name,
    sds_config: {
      api_config_source: {
        api_type: 'GRPC',
        grpc_services: [
          {
            google_grpc: {
              target_uri: 'unix:/var/run/sds/uds_path',
              stat_prefix: 'sdsstat',
              channel_credentials: { local_credentials: {} },
              credentials_factory_name: 'envoy.grpc_credentials.file_based_metadata',
              call_credentials: [
                {
                  from_plugin: {
                    name: 'envoy.grpc_credentials.file_based_metadata',
                    config: { secret_data: { filename: tokenFile }, header_key: 'istio_sds_credentials_header-bin' },
                  },
                },
              ],
            },
          },
        ],
      },
    },
  });
  return {
    tls_certificate_sds_secret_configs: [secret('default')],
    combined_validation_context: {
      default_validation_context: { verify_subject_alt_name: [peer] },
      validation_context_sds_secret_config: secret('ROOTCA'),
    },
  };
}

interface OldSidecar {
  readonly role: 'server' | 'client';
  readonly tls: EnvoyObject;
  /** More filters before Envoy's router. */
  readonly httpFilters?: readonly EnvoyObject[];
}

/** A sidecar as Envoy 1.13 took it. */
function toOldBootstrap(folder: string, { role, tls, httpFilters = [] }: OldSidecar): EnvoyObject {
  const sockets = sidecarSockets(folder);
  const isServer = role === 'server';
  const manager = {
    name: 'envoy.http_connection_manager',
    config: {
      stat_prefix: role,
      route_config: {
        virtual_hosts: [
          { name: 'all', domains: ['*'], routes: [{ match: { regex: '/.*' }, route: { cluster: 'next' } }] },
        ],
      },
      http_filters: [...httpFilters, { name: 'envoy.router' }],
    },
  };
  const tlsContext = { common_tls_context: tls };
  return {
    node: { id: role, cluster: role, build_version: '1.13' },
    admin: { access_log_path: '/dev/null', address: { pipe: { path: EnvoyProcess.adminPath(folder, role) } } },
    static_resources: {
      clusters: [
        {
          name: 'next',
          connect_timeout: '5s',
          hosts: [{ pipe: { path: isServer ? sockets.app : sockets.inbound } }],
          // A handshake for every request.
          max_requests_per_connection: 1,
          ...(isServer ? {} : { tls_context: tlsContext }),
        },
      ],
      listeners: [
        {
          name: role,
          address: { pipe: { path: isServer ? sockets.inbound : sockets.outbound } },
          filter_chains: [
            {
              filters: [manager],
              ...(isServer ? { tls_context: { require_client_certificate: true, ...tlsContext } } : {}),
            },
          ],
        },
      ],
    },
  };
}

/** Has the real command migrate a sidecar, and starts an Envoy with what it prints. */
async function startMigrated(world: World, old: OldSidecar, flags: readonly string[] = []): Promise<EnvoyProcess> {
  const tokenFile = await world.agent.mintToken(old.role === 'server' ? API : WEB);
  const file = join(world.folder, `${old.role}-v2.json`);
  writeFileSync(file, JSON.stringify(toOldBootstrap(world.folder, old)));
  const printed = await world.agent.command('migrate', file, '--json', '--token-file', tokenFile, ...flags);
  const { configuration } = JSON.parse(printed);
  const envoy = world.startEnvoy(old.role, tokenFile, [], { edit: () => configuration });
  await envoy.untilLive();
  return envoy;
}

async function ask(world: World): Promise<number> {
  return (await httpOverUnix(sidecarSockets(world.folder).outbound, '/')).status;
}

const STRANGER = 'spiffe://cluster.local/ns/test/sa/stranger';

describe('sidecars of old, migrated, with a real Envoy and a real agent', { skip: WITHOUT_ENVOY }, () => {
  it('talk mutual TLS, and rotate without losing a request', { timeout: 120_000 }, () =>
    inWorld(async (world) => {
      await world.agent.start();
      const server = await startMigrated(world, { role: 'server', tls: fromFiles(spiffeIdOf(WEB)) });
      const tls = fromNodeAgent(spiffeIdOf(API), '/var/run/secrets/tokens/istio-token');
      const client = await startMigrated(world, { role: 'client', tls }, ['--mode', 'envoy-grpc']);
      for (const [envoy, id] of [
        [server, API],
        [client, WEB],
      ] as const) {
        const { leaves } = await envoy.certificates();
        assert.deepEqual(
          leaves.map((leaf) => leaf.subject_alt_names),
          [[{ uri: spiffeIdOf(id) }]],
        );
      }
      const load = await world.startLoad();
      const serial = async (): Promise<string | undefined> => (await server.certificates()).leaves[0]?.serial_number;
      const before = await serial();
      await world.agent.command('rotate', '--all');
      await eventually('the server uses a new certificate', async () => (await serial()) !== before);
      await world.untilMoreRequests(50);
      assert.deepEqual((await load.stop()).failures, []);
    }),
  );

  it('still refuse a server that they were told not to accept', { timeout: 120_000 }, () =>
    inWorld(async (world) => {
      await world.agent.start();
      await startMigrated(world, { role: 'server', tls: fromFiles(spiffeIdOf(WEB)) });
      const client = await startMigrated(world, { role: 'client', tls: fromFiles(STRANGER) });
      assert.equal(await ask(world), 503);
      assert.ok((await client.count(/\.ssl\.fail_verify_san$/)) > 0);
    }),
  );

  it('still refuse a client that they were told not to accept', { timeout: 120_000 }, () =>
    inWorld(async (world) => {
      await world.agent.start();
      const server = await startMigrated(world, { role: 'server', tls: fromFiles(STRANGER) });
      await startMigrated(world, { role: 'client', tls: fromFiles(spiffeIdOf(API)) });
      assert.equal(await ask(world), 503);
      assert.ok((await server.count(/\.ssl\.fail_verify_san$/)) > 0);
    }),
  );

  it('let nobody in where a filter is missing that may have kept somebody out', { timeout: 120_000 }, () =>
    inWorld(async (world) => {
      await world.agent.start();
      const httpFilters = [{ name: 'istio_authn', config: { policy: { peers: [{ mtls: {} }] } } }];
      await startMigrated(world, { role: 'server', tls: fromFiles(spiffeIdOf(WEB)), httpFilters });
      await startMigrated(world, { role: 'client', tls: fromFiles(spiffeIdOf(API)) });
      assert.equal(await ask(world), 403);
    }),
  );
});
