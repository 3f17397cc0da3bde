import { access, constants, lstat, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Settings } from '../config/settings.ts';
import { AgentError } from '../core/agent-error.ts';
import { probeSocket } from '../runtime/probe-socket.ts';
import { requireApart } from '../telemetry/require-apart.ts';

/** Whether the SDS socket can be made, in words; rejects with an `AgentError` that says why not. */
export function checkSdsSocket({ sds }: Settings): Promise<string> {
  return checkMountedSocket(sds.socketPath, 'SDS_UDS_PATH');
}

/** The same of the socket of the SPIFFE Workload API, where there is to be one. */
export async function checkWorkloadApiSocket({ workloadApi }: Settings): Promise<string> {
  const path = workloadApi.socketPath;
  return path === undefined ? 'WORKLOAD_API_UDS_PATH is not set' : checkMountedSocket(path, 'WORKLOAD_API_UDS_PATH');
}

/** The same of the socket for gateways, where there is to be one. */
export async function checkGatewaySocket({ gateway }: Settings): Promise<string> {
  if (gateway === undefined) return 'GATEWAY_SECRETS_NAMESPACE is not set';
  return checkMountedSocket(gateway.socketPath, 'GATEWAY_SDS_UDS_PATH');
}

async function checkMountedSocket(path: string, setting: string): Promise<string> {
  if (await isServed(path, setting)) return servedAlready(path);
  await requireWritable(dirname(resolve(path)), setting);
  return `${path} can be made`;
}

/** Whether the admin socket can be made, in words; rejects with an `AgentError` that says why not. */
export async function checkAdminSocket({ admin, sds, gateway, workloadApi }: Settings): Promise<string> {
  const path = admin.socketPath;
  await requireApart(path, {
    SDS_UDS_PATH: sds.socketPath,
    WORKLOAD_API_UDS_PATH: workloadApi.socketPath,
    GATEWAY_SDS_UDS_PATH: gateway?.socketPath,
  });
  if (await isServed(path, 'ADMIN_SOCKET')) {
    if ((await probeSocket(sds.socketPath)).state === 'alive') return servedAlready(path);
    throw unusable(`${path} is served by an agent with another SDS_UDS_PATH: stop that one, or change ADMIN_SOCKET`);
  }
  await requireWritable(await nearestThere(dirname(resolve(path))), 'ADMIN_SOCKET');
  return `${path} can be made`;
}

async function isServed(path: string, setting: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return false;
  if (!found.isSocket()) throw unusable(`${path} is not a socket: remove it, or change ${setting}`);
  const { state, error } = await probeSocket(path);
  if (state !== 'unknown') return state === 'alive';
  throw unusable(`whether ${path} is served cannot be found out: run as the agent's user, or change ${setting}`, error);
}

/** The agent makes the directory of the admin socket, and what is missing above it. */
async function nearestThere(directory: string): Promise<string> {
  const above = dirname(directory);
  const found = await stat(directory).catch(() => undefined);
  return found === undefined && above !== directory ? nearestThere(above) : directory;
}

async function requireWritable(directory: string, setting: string): Promise<void> {
  const found = await stat(directory).catch(() => undefined);
  if (found === undefined) {
    throw unusable(`the directory ${directory} is not there: make it, or change ${setting}`);
  }
  if (!found.isDirectory()) throw unusable(`${directory} is not a directory: change ${setting}`);
  await access(directory, constants.W_OK | constants.X_OK).catch((cause: unknown) => {
    const advice = `let this user write to it, or change ${setting}`;
    throw unusable(`the directory ${directory} cannot be written to: ${advice}`, cause);
  });
}

function servedAlready(path: string): string {
  return `${path} is served by an agent that runs already`;
}

function unusable(message: string, cause?: unknown): AgentError {
  return new AgentError('socket-unusable', message, { cause });
}
