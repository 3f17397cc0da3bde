import { AgentError } from '../core/agent-error.ts';
import { DiscoveryRequest, DiscoveryResponse } from '../gen/xds/discovery.ts';
import { Secret } from '../gen/xds/secret.ts';
import { systemClock } from '../runtime/system-clock.ts';
import { secretTypeUrl } from '../sds/resource-type.ts';
import { GrpcCallError } from '../transport/grpc-call-error.ts';
import { GrpcClient } from '../transport/grpc-client.ts';
import type { Command, CommandIo } from './command.ts';
import { ExitCode } from './exit-code.ts';
import { formatFetched, parseFetched, toFetchedJson } from './fetched-secret.ts';
import { parseArguments } from './parse-arguments.ts';
import { readTokenFile } from './read-token-file.ts';
import { writeSecretFiles } from './write-secret-files.ts';

const HELP = `usage: sds-node-agent fetch NAME [--socket PATH] [--token-file FILE] [--json] [--out DIR]

Asks the agent for one secret, as an Envoy would, and shows what is served: subject, names, serial number, validity
and chain. The private key is never shown.

  NAME               default, ROOTCA, ALL, the caller's SPIFFE ID, or an extra name of the agent's settings
  --socket PATH      the agent's socket  [SDS_UDS_PATH, /var/run/sds/uds_path]
  --token-file FILE  the caller's token  [/var/run/secrets/tokens/istio-token]
  --json             the same as JSON
  --out DIR          also writes cert-chain.pem and key.pem, or root-cert.pem, readable by you alone

Exit status 69 when nothing is served.

example
  sds-node-agent fetch default --token-file <(sds-node-agent token --namespace shop --service-account web)
`;

const FETCH_PATH = '/envoy.service.secret.v3.SecretDiscoveryService/FetchSecrets';
const TIMEOUT_MS = 10_000;

/** `fetch`: an SDS client. */
export const fetch: Command = {
  name: 'fetch',
  summary: 'ask for a secret as an Envoy would, and show what is served',
  help: HELP,
  async run(argv, io) {
    const flags = parseArguments(argv, {
      texts: ['socket', 'token-file', 'out'],
      switches: ['json'],
      operands: ['NAME'],
    });
    const [name = ''] = flags.operands;
    const { SDS_UDS_PATH } = io.env;
    const socket = flags.text('socket') ?? SDS_UDS_PATH ?? '/var/run/sds/uds_path';
    const token = await readTokenFile(flags.text('token-file') ?? '/var/run/secrets/tokens/istio-token');
    const response = await ask(socket, name, token.reveal(), io);
    const [resource] = response.resources;
    if (resource === undefined) throw new AgentError('secret-not-ready', `the agent answered without ${name}`);
    const secret = Secret.decode(resource.value);
    const fetched = parseFetched(response.versionInfo, secret);
    const out = flags.text('out');
    const files = out === undefined ? [] : await writeSecretFiles(out, secret);
    if (flags.has('json')) io.stdout.write(`${JSON.stringify(toFetchedJson(fetched), null, 2)}\n`);
    else io.stdout.write(formatFetched(fetched, systemClock.now()));
    for (const file of files) io.stderr.write(`wrote ${file}\n`);
    return ExitCode.ok;
  },
};

async function ask(socket: string, name: string, token: string, { signal }: CommandIo): Promise<DiscoveryResponse> {
  const request = DiscoveryRequest.encode({
    versionInfo: '',
    node: { id: 'sds-node-agent fetch', cluster: '' },
    resourceNames: [name],
    typeUrl: secretTypeUrl('v3'),
    responseNonce: '',
    errorDetail: undefined,
  }).finish();
  let connected = false;
  try {
    await using client = await GrpcClient.connect(socket);
    connected = true;
    const metadata = { authorization: `Bearer ${token}` };
    return DiscoveryResponse.decode(
      await client.unary(FETCH_PATH, metadata, request, { timeoutMs: TIMEOUT_MS, signal }),
    );
  } catch (thrown) {
    if (!(thrown instanceof GrpcCallError)) throw thrown;
    const hint = connected ? '`sds-node-agent status` says why' : 'is the agent running, and is this its socket?';
    const advice = thrown.status === 'UNAVAILABLE' ? ` (${hint})` : '';
    throw new AgentError('secret-not-ready', `${thrown.status}: ${thrown.message}${advice}`);
  }
}
