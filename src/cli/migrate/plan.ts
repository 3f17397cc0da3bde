import { AgentError } from '../../core/agent-error.ts';
import type { AgentAccess } from '../envoy-bootstrap/bootstrap-options.ts';
import type { EnvoyObject } from '../envoy-bootstrap/document.ts';
import { toSdsSource } from '../envoy-bootstrap/sds-source.ts';
import { type Survey, toSurvey } from './survey.ts';

/** What the one who migrates decides; the rest is read from the configuration. */
export interface MigrationOptions {
  /** `tokenFile` undefined: the one that the configuration showed to its SDS server. */
  readonly access: Omit<AgentAccess, 'tokenFile'> & { readonly tokenFile: string | undefined };
  /** The agent's socket for the secrets of gateways. */
  readonly gatewaySocketPath: string;
  /** Files with the workload's certificate chain, and with its roots; none: see `toPlan`. */
  readonly certificateFiles: readonly string[];
  readonly caFiles: readonly string[];
}

/** What is decided for a whole migration before any field of it is looked at. */
export interface Plan {
  /** How this Envoy will reach the agent. */
  readonly access: AgentAccess;
  /** The agent's source of secrets: one object, so that YAML writes it once. */
  readonly sdsSource: EnvoyObject;
  /** The agent's socket for the secrets of gateways, and that socket as a source. */
  readonly gatewaySocketPath: string;
  readonly gatewaySource: EnvoyObject;
  /** Files that hold the workload's own certificate chain; the agent's `default` takes their place. */
  readonly certificateFiles: ReadonlySet<string>;
  /** Files that hold the roots of the workload's certificate; the agent's `ROOTCA` takes their place. */
  readonly caFiles: ReadonlySet<string>;
  /** Those of these files that nobody named, and that are not Istio's: taken for the workload's as there are no others. */
  readonly guessedFiles: readonly string[];
  /** Clusters whose only endpoint is a unix socket, with its path. */
  readonly socketClusters: ReadonlyMap<string, string>;
  /** Clusters that secrets came from. */
  readonly sdsClusters: ReadonlySet<string>;
}

/** Where the token is that Istio's injector projects into a pod. */
const TOKEN_FILE = '/var/run/secrets/tokens/istio-token';

/** Where Citadel's secret was mounted into every pod of Istio up to 1.4. */
const ISTIO_CHAIN = '/etc/certs/cert-chain.pem';
const ISTIO_ROOTS = '/etc/certs/root-cert.pem';

/**
 * Decides what is the workload's own. Roots that nobody named are taken for it when all mutual TLS agrees on them, and
 * with them the certificates beside them: to take a foreign CA for the mesh's would change who is trusted.
 *
 * @throws AgentError `settings-invalid` when the configuration shows several tokens
 */
export function toPlan(configuration: EnvoyObject, options: MigrationOptions): Plan {
  const survey = toSurvey(configuration);
  const access = { ...options.access, tokenFile: options.access.tokenFile ?? toTokenFile(survey) };
  const cas = new Set(named(options.caFiles, ISTIO_ROOTS, toAgreedCa(survey)));
  const beside = survey.mutualTls.filter(({ ca }) => cas.has(ca)).flatMap(({ certificates }) => certificates);
  const certificates = new Set(named(options.certificateFiles, ISTIO_CHAIN, beside));
  const sure = [...options.caFiles, ...options.certificateFiles, ISTIO_ROOTS, ISTIO_CHAIN];
  return {
    access,
    sdsSource: toSdsSource(access),
    gatewaySocketPath: options.gatewaySocketPath,
    gatewaySource: toGatewaySource(access, options.gatewaySocketPath),
    certificateFiles: certificates,
    caFiles: cas,
    guessedFiles: [...certificates, ...cas].filter((file) => !sure.includes(file)),
    socketClusters: survey.socketClusters,
    sdsClusters: survey.sdsClusters,
  };
}

function named(files: readonly string[], istios: string, guessed: readonly string[]): readonly string[] {
  return files.length > 0 ? files : [istios, ...guessed];
}

/** None where SDS gives a certificate already: that is the workload's, and files are for something else. */
function toAgreedCa({ usesSds, mutualTls }: Survey): readonly string[] {
  const cas = new Set(mutualTls.map(({ ca }) => ca));
  return usesSds || cas.size !== 1 ? [] : [...cas];
}

/**
 * A listener of a gateway has secrets of many hosts, some of which may not be there: Envoy's own time limit lets it
 * open with the others.
 */
function toGatewaySource(access: AgentAccess, socketPath: string): EnvoyObject {
  const source = toSdsSource({ ...access, mode: 'google-grpc', grpcClient: 'google-grpc', socketPath });
  const { initial_fetch_timeout: _, ...rest } = source;
  return rest;
}

function toTokenFile({ tokenFiles }: Survey): string {
  const [file = TOKEN_FILE, ...more] = tokenFiles;
  if (more.length === 0) return file;
  throw new AgentError(
    'settings-invalid',
    `the configuration shows several tokens, ${[...tokenFiles].join(', ')}: say with --token-file which one is the workload's`,
  );
}
