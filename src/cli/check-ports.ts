import { createServer } from 'node:net';
import type { Settings } from '../config/settings.ts';
import { probeSocket } from '../runtime/probe-socket.ts';
import { toBindError } from '../telemetry/http-listener.ts';

/** Whether the ports of the pages for operators are free, in words; rejects with an `AgentError` that names the setting. */
export async function checkPorts({ monitoring, sds }: Settings): Promise<string> {
  const { address, port, debugPort } = monitoring;
  // The agent that runs with these settings has them, as it has the sockets.
  if ((await probeSocket(sds.socketPath)).state === 'alive') return 'those of the agent that runs already';
  await requireFree(address, port, 'MONITORING_ADDRESS, MONITORING_PORT');
  await requireFree('127.0.0.1', debugPort, 'DEBUG_PORT');
  const wanted = [port, debugPort].filter((one) => one !== undefined && one !== 0);
  return wanted.length === 0 ? 'none is wanted, or any will do' : `${wanted.join(' and ')} can be listened on`;
}

async function requireFree(host: string, port: number | undefined, setting: string): Promise<void> {
  if (port === undefined || port === 0) return;
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(toBindError(setting, `${host}:${port}`, cause)));
    server.listen({ host, port }, () => server.close(() => resolve()));
  });
}
