import type { Socket } from 'node:net';
import type { Log } from '../core/log.ts';
import { descriptorOf, loadLibc } from './libc.ts';
import { createPeerCredentialsReader, type ReadPeerCredentials } from './peer-credentials.ts';
import { TELLING_BYTES } from './sniff-protocol.ts';

/** What is asked of the kernel about a connection. Undefined: it cannot tell, or not yet. */
export interface SocketCalls {
  readonly readPeer: ReadPeerCredentials;
  /** The first bytes that have arrived, without taking them: enough for `sniffProtocol`. */
  readonly peekFirstBytes: (socket: Socket) => Uint8Array | undefined;
}

const MSG_PEEK = 0x02;
const MSG_DONTWAIT = 0x40;

const NO_CALLS: SocketCalls = { readPeer: () => undefined, peekFirstBytes: () => undefined };

/**
 * Loads the calls. Elsewhere than on Linux, or without koffi, nobody's credentials are known and the first bytes are
 * read in the ordinary way: that is logged once.
 */
export function loadSocketCalls(log: Log): SocketCalls {
  if (process.platform !== 'linux') return NO_CALLS;
  try {
    const libc = loadLibc();
    const first = Buffer.alloc(TELLING_BYTES);
    return {
      readPeer: createPeerCredentialsReader(libc),
      peekFirstBytes(socket) {
        const bytes = libc.recv(descriptorOf(socket), first, TELLING_BYTES, MSG_PEEK | MSG_DONTWAIT);
        return bytes === TELLING_BYTES ? first : undefined;
      },
    };
  } catch (error) {
    log.warn('peer credentials are not available', { error });
    return NO_CALLS;
  }
}
