import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import type { PeerCredentials } from '../core/caller.ts';
import type { Log } from '../core/log.ts';

/** Reads who is at the other end of a connected unix socket, or gives undefined where that cannot be told. */
export type ReadPeerCredentials = (socket: Socket) => PeerCredentials | undefined;

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** `struct ucred` of unix(7): pid, uid and gid, 32 bits each, in the machine's byte order. */
const UCRED_BYTES = 12;

const cannotTell: ReadPeerCredentials = () => undefined;

/**
 * Loads the reader. Node has no getsockopt, so libc is called through koffi, loaded here and nowhere else.
 * Elsewhere than on Linux, or without koffi, nobody's credentials are known: that is logged once.
 */
export function loadPeerCredentials(log: Log): ReadPeerCredentials {
  if (process.platform !== 'linux') return cannotTell;
  try {
    return linuxReader(loadGetsockopt());
  } catch (error) {
    log.warn('peer credentials are not available', { error });
    return cannotTell;
  }
}

type Getsockopt = (fd: number, level: number, option: number, value: Buffer, length: Uint32Array) => number;

interface Koffi {
  load(library: null): { func(declaration: string): Getsockopt };
}

function loadGetsockopt(): Getsockopt {
  // `require`, because it is wanted now, and only here: an import would cost every command its memory.
  const koffi: Koffi = createRequire(import.meta.url)('koffi');
  const declaration = 'int getsockopt(int, int, int, _Out_ void *, _Inout_ uint32_t *)';
  // null is the process itself: whatever libc Node runs on, glibc or musl.
  return koffi.load(null).func(declaration);
}

function linuxReader(getsockopt: Getsockopt): ReadPeerCredentials {
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

/** Node keeps the descriptor in an internal handle and has no public way to it. -1 when there is none. */
function descriptorOf(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle !== 'object' || handle === null) return -1;
  const descriptor: unknown = Reflect.get(handle, 'fd');
  return typeof descriptor === 'number' ? descriptor : -1;
}
