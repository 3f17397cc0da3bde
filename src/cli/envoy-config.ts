import type { Command } from './command.ts';
import { toBootstrap, usesEnvoyClient } from './envoy-bootstrap/bootstrap.ts';
import type { BootstrapOptions } from './envoy-bootstrap/bootstrap-options.ts';
import { parseBootstrapOptions } from './envoy-bootstrap/parse-bootstrap-options.ts';
import { toYaml } from './envoy-bootstrap/to-yaml.ts';
import { toTokenSecretFile } from './envoy-bootstrap/token-secret.ts';
import { ExitCode } from './exit-code.ts';

const HELP = `usage: sds-node-agent envoy-config [flags]

Prints a complete Envoy 1.40 bootstrap that works with this agent.

how Envoy asks
  --mode MODE               google-grpc  Google's gRPC client: reads the token file for every stream  [default]
                            envoy-grpc   Envoy's own client: one connection however many secrets
                            delta        incremental xDS
                            ads          one aggregated stream for the secrets of listeners
                            rest         polls over HTTP/1.1
  --grpc-client CLIENT      google-grpc or envoy-grpc, for delta and ads  [google-grpc]
  --socket PATH             the agent's socket  [SDS_UDS_PATH, /var/run/sds/uds_path]
  --token-file PATH         the workload's token, without a line break  [/var/run/secrets/tokens/istio-token]
  --token-secret-file PATH  lets Envoy's own client (envoy-grpc, rest) re-read the token when it is replaced.
                            Without it that client keeps the token of its start.
  --print-token-secret      prints what has to be in that file, and no bootstrap
  --no-token                sends none: for an agent with WORKLOAD_TOKENS=request, which knows the pod by the kernel

what it says of itself
  --node-id ID  --cluster NAME                    [sidecar, sidecar]
  --admin-address HOST  --admin-port PORT         [127.0.0.1, 15000]

mutual TLS
  --role ROLE               server, client or both  [both]
  --name NAME               a certificate; may be repeated: all on the server side, the first on the client's  [default]
  --bundle NAME             the trust bundle  [ROOTCA]
  --spiffe-id ID            accept exactly this peer; may be repeated
  --trust-domain DOMAIN     without --spiffe-id accept every identity of this trust domain  [TRUST_DOMAIN, cluster.local]
  --listener-address HOST  --listener-port PORT   server: where mutual TLS comes in  [0.0.0.0, 8443]
  --app HOST:PORT           server: the application behind it, in plaintext  [127.0.0.1:8000]
  --outbound-address HOST  --outbound-port PORT   client: where the application sends plaintext  [127.0.0.1, 15001]
  --upstream HOST:PORT      client: the peer  [127.0.0.1:8443]
  --requests-per-connection N   client: a new connection, and handshake, after so many requests  [no limit]
  Every HOST, and every HOST:PORT, may be unix:/PATH too.

  --json                    JSON, not YAML

example
  sds-node-agent envoy-config --role server --spiffe-id spiffe://cluster.local/ns/shop/sa/web > envoy.yaml
`;

/** `envoy-config`: prints a bootstrap for Envoy, or the token's secret file. */
export const envoyConfig: Command = {
  name: 'envoy-config',
  summary: 'print an Envoy bootstrap that works with this agent',
  help: HELP,
  async run(argv, io) {
    const { bootstrap, json, printTokenSecret } = parseBootstrapOptions(argv, io.env);
    const document = printTokenSecret ? toTokenSecretFile(bootstrap.access.tokenFile) : toBootstrap(bootstrap);
    if (json) io.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
    else io.stdout.write(`${printTokenSecret ? '' : toRemarks(bootstrap)}${toYaml(document)}`);
    return ExitCode.ok;
  },
};

/** What the reader of the bootstrap should know, as comments at its top. */
function toRemarks({ access }: BootstrapOptions): string {
  const remarks = [
    `Envoy 1.40 bootstrap for sds-node-agent, mode ${access.mode}.`,
    'Until the certificate and the bundle have arrived, listeners stay in warming and /ready answers 503;',
    '/init_dump on the admin port names what is missing.',
    ...toTokenRemarks(access),
  ];
  return remarks.map((line) => `# ${line}\n`).join('');
}

function toTokenRemarks(access: BootstrapOptions['access']): readonly string[] {
  if (access.withoutToken) return ['No token is sent: the agent has to run with WORKLOAD_TOKENS=request.'];
  if (!usesEnvoyClient(access)) return ['The token file is read anew for each stream: it may be replaced at any time.'];
  if (access.tokenSecretFile !== undefined) {
    return [
      'The token is read again when its directory changes. Make the secret file that points to it with',
      '--print-token-secret.',
    ];
  }
  return [
    "Envoy's own client reads the token file when Envoy starts and never again: the token has to live as long as",
    'Envoy does. Mode google-grpc, or --token-secret-file, re-reads it.',
  ];
}
