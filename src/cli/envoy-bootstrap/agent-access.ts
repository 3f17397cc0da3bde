import { quoteUntrusted } from '../../core/agent-error.ts';
import type { CommandIo } from '../command.ts';
import { type AgentAccess, GRPC_CLIENTS, SDS_MODES } from './bootstrap-options.ts';

/** What flags say about the way to the agent, as written. */
export interface AccessFlags {
  readonly mode: string | undefined;
  readonly grpcClient: string | undefined;
  readonly socket: string | undefined;
  readonly tokenSecretFile: string | undefined;
}

/** The way to the agent, but for the token's file. What is wrong goes to `faults`, a line each. */
export function toAgentAccess(
  faults: string[],
  flags: AccessFlags,
  { SDS_UDS_PATH }: CommandIo['env'],
): Omit<AgentAccess, 'tokenFile'> {
  const mode = oneOf(faults, '--mode', flags.mode ?? 'google-grpc', SDS_MODES);
  const client = flags.grpcClient ?? (mode === 'envoy-grpc' ? 'envoy-grpc' : 'google-grpc');
  if (mode.endsWith('-grpc') && mode !== client) {
    faults.push(`--grpc-client ${client} contradicts --mode ${mode}: leave one of them out`);
  }
  return {
    mode,
    grpcClient: oneOf(faults, '--grpc-client', client, GRPC_CLIENTS),
    socketPath: absolute(faults, '--socket', flags.socket ?? SDS_UDS_PATH ?? '/var/run/sds/uds_path'),
    tokenSecretFile: absolute(faults, '--token-secret-file', flags.tokenSecretFile),
  };
}

/** The value if it is allowed; else a fault, and the first allowed one to go on with. */
export function oneOf<T extends string>(
  faults: string[],
  flag: string,
  value: string,
  allowed: readonly [T, ...T[]],
): T {
  const found = allowed.find((one) => one === value);
  if (found === undefined) faults.push(`${flag} is ${quoteUntrusted(value)}: it must be one of ${allowed.join(', ')}`);
  return found ?? allowed[0];
}

/** The path; a fault besides when it is a relative one. */
export function absolute<T extends string | undefined>(faults: string[], flag: string, path: T): T {
  if (path !== undefined && !path.startsWith('/')) {
    faults.push(`${flag} is ${quoteUntrusted(path)}: it must be an absolute path, as Envoy may run elsewhere`);
  }
  return path;
}
