import type { Socket } from 'node:net';
import type { PeerCredentials } from '../core/caller.ts';
import { descriptorOf, type Libc } from './libc.ts';

/** Reads who is at the other end of a connected unix socket, or gives undefined where that cannot be told. */
export type ReadPeerCredentials = (socket: Socket) => PeerCredentials | undefined;

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** `struct ucred` of unix(7): pid, uid and gid, 32 bits each, in the machine's byte order. */
const UCRED_BYTES = 12;

/** The reader for Linux. */
export function createPeerCredentialsReader({ getsockopt }: Libc): ReadPeerCredentials {
  const ucred = Buffer.alloc(UCRED_BYTES);
  const length = new Uint32Array(1);
  return (socket) => {
    length[0] = UCRED_BYTES;
    if (getsockopt(descriptorOf(socket), SOL_SOCKET, SO_PEERCRED, ucred, length) !== 0) return undefined;
    const fields = new Int32Array(ucred.buffer, ucred.byteOffset, UCRED_BYTES / 4);
    const [pid = 0, uid = 0, gid = 0] = fields;
    return { pid, uid: uid >>> 0, gid: gid >>> 0 };
  };
}
