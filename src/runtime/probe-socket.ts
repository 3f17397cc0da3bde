import { connect } from 'node:net';

export interface Probe {
  /** `dead`: nobody listens any more, or it has gone meanwhile. */
  readonly state: 'alive' | 'dead' | 'unknown';
  /** Why it is unknown. */
  readonly error?: Error;
}

/** Whether somebody listens on a unix socket, found out by connecting: the file alone cannot tell. */
export function probeSocket(path: string): Promise<Probe> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve({ state: 'alive' });
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve({ state: 'dead' });
      // The queue of a busy listener is full.
      else if (error.code === 'EAGAIN') resolve({ state: 'alive' });
      else resolve({ state: 'unknown', error });
    });
  });
}
