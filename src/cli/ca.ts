import { hostname } from 'node:os';
import { type CaEndpoint, CaServer, type RootConfigMap } from '../ca-server.ts';
import { parseDuration, toDurationText } from '../config/duration.ts';
import { invalidSettings } from '../config/load-settings.ts';
import type { Settings } from '../config/settings.ts';
import { quoteUntrusted } from '../core/agent-error.ts';
import { parseServerName } from '../keys/server-name.ts';
import type { SubjectAltName } from '../keys/subject-alt-name.ts';
import { systemClock } from '../runtime/system-clock.ts';
import type { Command } from './command.ts';
import { createCommandLog } from './command-log.ts';
import { type Address, parseAddress } from './envoy-bootstrap/address.ts';
import { ExitCode } from './exit-code.ts';
import { packageVersion } from './package-version.ts';
import { parseArgumentsAndSettings } from './parse-arguments.ts';
import { SETTINGS_HELP } from './settings-help.ts';

/** Where istiod serves this API. */
const DEFAULT_LISTEN = '0.0.0.0:15012';
const DEFAULT_MAX_TTL = '24h';
/** Names as Kubernetes has them (RFC 1123 label, RFC 1123 subdomain). */
const CONFIG_MAP = /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)\/([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)$/;
const LONGEST_MAX_TTL_MS = 365 * 24 * 3_600_000;

const HELP = `usage: sds-node-agent ca [flags]

Serves the embedded CA in STATE_DIR to the agents of other nodes, as an Istio CA
(istio.v1.auth.IstioCertificateService), until SIGTERM or SIGINT. Agents reach it with CA_PROVIDER=Citadel. Who asks is
known by the token alone, verified as TOKEN_VERIFIER says; names in a CSR count for nothing.

  --listen ADDR        host:port, [ipv6]:port or unix:/path; port 0 is any free one, named in the log; a unix socket
                       is served without TLS, with SDS_UDS_MODE and SDS_UDS_GID  [${DEFAULT_LISTEN}]
  --dns NAME           a DNS name or IP address by which agents call this server; several separated by commas or by
                       flags; the CA signs a certificate for them, and a new one every twelve hours
                       [localhost, 127.0.0.1, ::1, this machine's name, the host of --listen]
  --tls-cert FILE      instead, a certificate chain in PEM, leaf first; read again when it changes
  --tls-key FILE       and its key
  --root-file FILE     where the CA's roots are written in PEM, for CA_ROOT_CA of the agents; and again when they change
  --root-config-map NAMESPACE/NAME
                       the same into a ConfigMap of Kubernetes, under the key root-cert.pem, for pods to mount; needs
                       the right to create and patch it
  --max-ttl D          the longest life of a certificate, whatever is asked for  [${DEFAULT_MAX_TTL}]
  --admin-socket PATH  where status and rotate --root find this CA; it has none of itself, for the default is that of
                       the agent on this machine. A new root takes twice --max-ttl, until every agent has asked again

${SETTINGS_HELP}Here count STATE_DIR, TRUST_DOMAIN, TOKEN_*, KUBERNETES_*, MONITORING_*, LOG_*, DRAIN_TIMEOUT, and SECRET_TTL for who asks for no
lifetime.

exit status: 0 asked to stop, 64 a wrong flag or setting, 69 cannot start, 70 a bug

example
  sds-node-agent ca --dns ca.example.net --root-file /shared/root.pem
  CA_PROVIDER=Citadel CA_ADDR=ca.example.net:15012 CA_ROOT_CA=/shared/root.pem sds-node-agent run
`;

/** `ca`: one CA for the agents of several nodes. */
export const ca: Command = {
  name: 'ca',
  summary: 'serve the embedded CA to agents on other nodes',
  help: HELP,
  async run(argv, io) {
    const { settings, text, list } = parseArgumentsAndSettings(argv, io.env, {
      texts: ['listen', 'tls-cert', 'tls-key', 'root-file', 'root-config-map', 'max-ttl', 'admin-socket'],
      lists: ['dns'],
    });
    const flags = { listen: text('listen'), dns: list('dns'), cert: text('tls-cert'), key: text('tls-key') };
    const { endpoint, faults } = readEndpoint(flags);
    const maxTtlMs = readMaxTtl(text('max-ttl') ?? DEFAULT_MAX_TTL, faults);
    const rootConfigMap = readRootConfigMap(text('root-config-map'), settings, faults);
    const { providers } = settings.ca;
    if (providers.some((provider) => provider !== 'Embedded')) {
      faults.push(`CA_PROVIDER is ${quoteUntrusted(providers.join(','))}; ca serves the Embedded one only`);
    }
    if (endpoint === undefined || faults.length > 0) throw invalidSettings(faults);
    const log = createCommandLog(settings, io);
    const server = await CaServer.load({
      ...{ settings, endpoint, maxTtlMs, clock: systemClock, log, version: packageVersion() },
      ...{ rootFile: text('root-file'), rootConfigMap },
      adminSocket: text('admin-socket'),
    });
    await server.run(io.signal);
    return ExitCode.ok;
  },
};

interface EndpointFlags {
  readonly listen: string | undefined;
  readonly dns: readonly string[];
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** The endpoint, where there are no faults. */
function readEndpoint({ listen = DEFAULT_LISTEN, dns, cert, key }: EndpointFlags): {
  readonly endpoint: CaEndpoint | undefined;
  readonly faults: string[];
} {
  const faults = dns
    .filter((name) => parseServerName(name) === undefined)
    .map((name) => `--dns has ${quoteUntrusted(name)}; allowed is a list of DNS names and IP addresses`);
  const address = parseAddress(listen);
  if (address === undefined) {
    faults.push(`--listen is ${quoteUntrusted(listen)}; allowed is host:port, [ipv6]:port or unix:/path`);
  }
  if ((cert === undefined) !== (key === undefined)) faults.push('--tls-cert and --tls-key go together: give both');
  if (cert !== undefined && dns.length > 0)
    faults.push('--dns and --tls-cert exclude each other: names are in the file');
  if (address?.kind === 'unix' && (cert !== undefined || dns.length > 0)) {
    faults.push('--listen is a unix socket, which is served without TLS: leave out --dns, --tls-cert and --tls-key');
  }
  if (address === undefined || faults.length > 0) return { endpoint: undefined, faults };
  if (address.kind === 'unix') return { endpoint: address, faults };
  const files = cert !== undefined && key !== undefined && { certificateFile: cert, keyFile: key };
  const certificate = files || { names: dns.length > 0 ? toNames(dns) : defaultNames(address) };
  return { endpoint: { kind: 'tls', host: address.host, port: address.port, certificate }, faults };
}

function readMaxTtl(given: string, faults: string[]): number {
  const maxTtlMs = parseDuration(given) ?? 0;
  if (maxTtlMs >= 1000 && maxTtlMs <= LONGEST_MAX_TTL_MS) return maxTtlMs;
  const most = toDurationText(LONGEST_MAX_TTL_MS);
  faults.push(`--max-ttl is ${quoteUntrusted(given)}; allowed is a duration from 1s to ${most}, such as 12h`);
  return 0;
}

function readRootConfigMap(given: string | undefined, settings: Settings, faults: string[]): RootConfigMap | undefined {
  if (given === undefined) return undefined;
  const [, namespace, , name] = CONFIG_MAP.exec(given) ?? [];
  if (namespace === undefined || name === undefined) {
    faults.push(`--root-config-map is ${quoteUntrusted(given)}; allowed is NAMESPACE/NAME`);
    return undefined;
  }
  if (settings.kubernetes.api === undefined) {
    faults.push(
      '--root-config-map needs a cluster to write to: set KUBERNETES_API_SERVER, which it has only inside of one',
    );
  }
  return { namespace, name };
}

function defaultNames({ host }: Extract<Address, { kind: 'tcp' }>): readonly SubjectAltName[] {
  const everywhere = ['0.0.0.0', '::'].includes(host);
  return toNames(new Set(['localhost', '127.0.0.1', '::1', hostname(), ...(everywhere ? [] : [host])]));
}

/** What cannot be in a certificate is left out: a machine may be called anything. */
function toNames(texts: Iterable<string>): readonly SubjectAltName[] {
  return [...texts].flatMap((text) => parseServerName(text) ?? []);
}
