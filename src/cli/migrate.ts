import { readFile } from 'node:fs/promises';
import { AgentError } from '../core/agent-error.ts';
import type { Command, CommandIo } from './command.ts';
import { absolute, toAgentAccess } from './envoy-bootstrap/agent-access.ts';
import { toYaml } from './envoy-bootstrap/to-yaml.ts';
import { ExitCode } from './exit-code.ts';
import { type Migration, migrateConfiguration } from './migrate/migrate-configuration.ts';
import type { MigrationOptions } from './migrate/plan.ts';
import { toJsonReport, toTextReport } from './migrate/report.ts';
import { type Arguments, parseArguments } from './parse-arguments.ts';

const HELP = `usage: sds-node-agent migrate FILE [flags]

Turns an Envoy configuration of old into one for Envoy 1.40 whose certificate and trust bundle come from this agent, and
prints it. What it could not carry over goes to stderr, as a list. FILE is not changed.

  FILE                      YAML or JSON: a whole bootstrap, such as Istio's envoy-rev0.json, or a file with resources;
                            of Envoy v2 or v3, with certificates from files, or from another SDS server on the node

what is the workload's own
  --certificate FILE,...    the files of its certificate chain    [/etc/certs/cert-chain.pem, and those beside its roots]
  --ca FILE,...             the files of the roots that signed it [/etc/certs/root-cert.pem, and the one file that all
                            TLS contexts with certificate and roots from files agree on, unless there is SDS already]
                            Other files are kept as they are, and listed.

how Envoy asks the agent, as in envoy-config
  --mode MODE               google-grpc, envoy-grpc, delta or rest  [google-grpc]
  --grpc-client CLIENT      google-grpc or envoy-grpc, for delta  [google-grpc]
  --socket PATH             the agent's socket  [SDS_UDS_PATH, /var/run/sds/uds_path]
  --token-file PATH         [the one that FILE shows to its SDS server, /var/run/secrets/tokens/istio-token]
  --gateway-socket PATH     its socket for the secrets of gateways  [GATEWAY_SDS_UDS_PATH, /var/run/sds-gateway/uds_path]
  --token-secret-file PATH  lets Envoy's own client (envoy-grpc, rest) re-read the token

what it says
  --json                    one JSON object: configuration, not_carried_over and changed, lists of {path, what, why}
  --strict                  exit status 1 when something was not carried over

It never trusts more than FILE did: a filter that Envoy 1.40 does not have is replaced by one that refuses everything.

example
  sds-node-agent migrate /etc/istio/proxy/envoy-rev0.json > envoy.yaml
`;

/** `migrate`: an old Envoy configuration becomes one that works with this agent. */
export const migrate: Command = {
  name: 'migrate',
  summary: 'turn an Envoy v2, file-mounted or Istio configuration into one for this agent',
  help: HELP,
  async run(argv, io) {
    const flags = parseArguments(argv, {
      texts: ['mode', 'grpc-client', 'socket', 'gateway-socket', 'token-file', 'token-secret-file'],
      lists: ['certificate', 'ca'],
      switches: ['json', 'strict'],
      operands: ['FILE'],
    });
    const options = toOptions(flags, io.env);
    const [file = ''] = flags.operands;
    // Imported here: no other command needs a YAML parser.
    const { parseConfiguration } = await import('./migrate/parse-configuration.ts');
    const input = parseConfiguration(await load(file));
    const migration = migrateConfiguration(input, options);
    print(migration, flags.has('json'), io);
    const incomplete = migration.findings.notCarriedOver.length > 0;
    return flags.has('strict') && incomplete ? ExitCode.incomplete : ExitCode.ok;
  },
};

type Flags = Arguments<
  'mode' | 'grpc-client' | 'socket' | 'gateway-socket' | 'token-file' | 'token-secret-file',
  'json' | 'strict',
  'certificate' | 'ca'
>;

function toOptions(flags: Flags, env: CommandIo['env']): MigrationOptions {
  const faults: string[] = [];
  const access = toAgentAccess(
    faults,
    {
      mode: flags.text('mode'),
      grpcClient: flags.text('grpc-client'),
      socket: flags.text('socket'),
      tokenSecretFile: flags.text('token-secret-file'),
    },
    env,
  );
  if (access.mode === 'ads')
    faults.push('--mode is "ads": a configuration has one ADS server, and keeps the one it has');
  const tokenFile = absolute(faults, '--token-file', flags.text('token-file'));
  const { GATEWAY_SDS_UDS_PATH } = env;
  const gateway = flags.text('gateway-socket') ?? GATEWAY_SDS_UDS_PATH ?? '/var/run/sds-gateway/uds_path';
  const gatewaySocketPath = absolute(faults, '--gateway-socket', gateway);
  if (faults.length > 0) throw new AgentError('settings-invalid', faults.join('\n'));
  return {
    access: { ...access, tokenFile },
    gatewaySocketPath,
    certificateFiles: flags.list('certificate'),
    caFiles: flags.list('ca'),
  };
}

async function load(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'an error';
    throw new AgentError('settings-invalid', `${file} cannot be read: ${code}`, { cause });
  }
}

function print(migration: Migration, json: boolean, io: CommandIo): void {
  if (json) {
    io.stdout.write(`${JSON.stringify(toJsonReport(migration), null, 2)}\n`);
    return;
  }
  io.stdout.write(toYaml(migration.configuration));
  io.stderr.write(toTextReport(migration.findings));
}
