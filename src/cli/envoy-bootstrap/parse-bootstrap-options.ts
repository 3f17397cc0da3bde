import { parseArgs } from 'node:util';
import { AgentError, quoteUntrusted, toAgentError } from '../../core/agent-error.ts';
import { isTrustDomain, parseSpiffeId } from '../../core/spiffe-id.ts';
import type { CommandIo } from '../command.ts';
import { type Address, parseAddress } from './address.ts';
import { type AccessFlags, absolute, oneOf, toAgentAccess } from './agent-access.ts';
import { type AcceptedPeers, type BootstrapOptions, ROLES } from './bootstrap-options.ts';

/** What the command line asks for: a bootstrap, or the secret file that one refers to. */
export interface EnvoyConfigRequest {
  readonly bootstrap: BootstrapOptions;
  readonly json: boolean;
  readonly printTokenSecret: boolean;
}

const FLAGS = {
  mode: { type: 'string' },
  'grpc-client': { type: 'string' },
  socket: { type: 'string' },
  'token-file': { type: 'string', default: '/var/run/secrets/tokens/istio-token' },
  'token-secret-file': { type: 'string' },
  'print-token-secret': { type: 'boolean', default: false },
  'no-token': { type: 'boolean', default: false },
  'node-id': { type: 'string', default: 'sidecar' },
  cluster: { type: 'string', default: 'sidecar' },
  'admin-address': { type: 'string', default: '127.0.0.1' },
  'admin-port': { type: 'string', default: '15000' },
  role: { type: 'string', default: 'both' },
  name: { type: 'string', multiple: true },
  bundle: { type: 'string', default: 'ROOTCA' },
  'spiffe-id': { type: 'string', multiple: true },
  'trust-domain': { type: 'string' },
  'listener-address': { type: 'string', default: '0.0.0.0' },
  'listener-port': { type: 'string', default: '8443' },
  // Not 8080, where the agent's own status page is.
  app: { type: 'string', default: '127.0.0.1:8000' },
  'outbound-address': { type: 'string', default: '127.0.0.1' },
  'outbound-port': { type: 'string', default: '15001' },
  upstream: { type: 'string', default: '127.0.0.1:8443' },
  'requests-per-connection': { type: 'string' },
  json: { type: 'boolean', default: false },
} as const;

/** Understands the flags of `envoy-config`, or rejects them all at once with `settings-invalid`. */
export function parseBootstrapOptions(argv: readonly string[], env: CommandIo['env']): EnvoyConfigRequest {
  const flags = parseFlags(argv);
  const { TRUST_DOMAIN } = env;
  const faults: string[] = [];
  const bootstrap: BootstrapOptions = {
    access: {
      ...toAgentAccess(faults, toAccessFlags(flags), env),
      tokenFile: absolute(faults, '--token-file', flags['token-file']),
      withoutToken: flags['no-token'],
    },
    nodeId: flags['node-id'],
    nodeCluster: flags.cluster,
    admin: listenOn(faults, 'admin', flags['admin-address'], flags['admin-port']),
    role: oneOf(faults, '--role', flags.role, ROLES),
    certificateNames: toCertificateNames(flags.name),
    bundleName: flags.bundle,
    peers: toPeers(faults, flags['spiffe-id'] ?? [], flags['trust-domain'] ?? TRUST_DOMAIN ?? 'cluster.local'),
    listener: listenOn(faults, 'listener', flags['listener-address'], flags['listener-port']),
    app: connectTo(faults, '--app', flags.app),
    outbound: listenOn(faults, 'outbound', flags['outbound-address'], flags['outbound-port']),
    upstream: connectTo(faults, '--upstream', flags.upstream),
    requestsPerConnection: toCount(faults, '--requests-per-connection', flags['requests-per-connection']),
  };
  if (flags['no-token'] && (flags['print-token-secret'] || flags['token-secret-file'] !== undefined)) {
    faults.push('--no-token contradicts --print-token-secret and --token-secret-file: leave one of them out');
  }
  if (faults.length > 0) throw new AgentError('settings-invalid', faults.join('\n'));
  return { bootstrap, json: flags.json, printTokenSecret: flags['print-token-secret'] };
}

/** Its own reading of flags, as no other command has repeated ones. What is wrong stands in Node's first sentence. */
function parseFlags(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: FLAGS }).values;
  } catch (cause) {
    const [fault = ''] = String(cause instanceof Error ? cause.message : cause).split('. ');
    throw new AgentError('settings-invalid', fault.charAt(0).toLowerCase() + fault.slice(1), { cause });
  }
}

function toAccessFlags(flags: ReturnType<typeof parseFlags>): AccessFlags {
  const { mode, socket, 'grpc-client': grpcClient, 'token-secret-file': tokenSecretFile } = flags;
  return { mode, grpcClient, socket, tokenSecretFile };
}

function listenOn(faults: string[], what: string, host: string, port: string): Address {
  if (host.startsWith('unix:')) return connectTo(faults, `--${what}-address`, host);
  return connectTo(faults, `--${what}-address:--${what}-port`, `${host.includes(':') ? `[${host}]` : host}:${port}`);
}

function connectTo(faults: string[], flag: string, text: string): Address {
  const address = parseAddress(text);
  if (address !== undefined) return address;
  faults.push(`${flag} is ${quoteUntrusted(text)}: it must be HOST:PORT, [ADDRESS]:PORT for IPv6, or unix:/PATH`);
  return { kind: 'tcp', host: '127.0.0.1', port: 0 };
}

function toCount(faults: string[], flag: string, text: string | undefined): number | undefined {
  if (text === undefined || /^[1-9]\d{0,8}$/.test(text)) return text === undefined ? undefined : Number(text);
  faults.push(`${flag} is ${quoteUntrusted(text)}: it must be a whole number from 1`);
  return undefined;
}

function toCertificateNames([first = 'default', ...others]: readonly string[] = []): readonly [string, ...string[]] {
  return [first, ...others];
}

function toPeers(faults: string[], spiffeIds: readonly string[], trustDomain: string): AcceptedPeers {
  if (spiffeIds.length === 0) {
    if (!isTrustDomain(trustDomain)) faults.push(`--trust-domain is ${quoteUntrusted(trustDomain)}: it must be a name`);
    return { kind: 'trust-domain', trustDomain };
  }
  for (const id of spiffeIds) {
    try {
      parseSpiffeId(id);
    } catch (error) {
      faults.push(`--spiffe-id: ${toAgentError(error).message}`);
    }
  }
  return { kind: 'exact', spiffeIds };
}
