import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const PATIENCE_MS = 20_000;

/** Resolves once somebody listens on the socket. Rejects after 20 seconds. */
export async function takesConnections(socketPath: string): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  while (!(await tryOnce(socketPath))) {
    if (performance.now() > deadlineMs) throw new Error(`nobody listens on ${socketPath}`);
    await sleep(20);
  }
}

function tryOnce(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    const settle = (taken: boolean): void => {
      socket.destroy();
      resolve(taken);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}
