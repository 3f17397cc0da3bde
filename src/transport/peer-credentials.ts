import { closeSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { constants } from 'node:os';
import type { PeerCredentials } from '../core/caller.ts';
import type { Log } from '../core/log.ts';
import type { AcceptedProcess, Attestation, PeerAttestor } from '../core/peer-attestor.ts';

/** Reads who is at the other end of a connected unix socket, or gives undefined where that cannot be told. */
export type ReadPeerCredentials = (socket: Socket) => PeerCredentials | undefined;

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** Linux 6.5 and newer. */
const SO_PEERPIDFD = 77;
/** `struct ucred` of unix(7): pid, uid and gid, 32 bits each, in the machine's byte order. */
const UCRED_BYTES = 12;
const DESCRIPTOR_BYTES = 4;

const cannotTell: ReadPeerCredentials = () => undefined;

/**
 * Loads the reader. Node has no getsockopt, so libc is called through koffi, loaded here and nowhere else.
 * Elsewhere than on Linux, or without koffi, nobody's credentials are known: that is logged once.
 *
 * @param attestor is asked about each process that is read; the sooner that is after it has connected, the better
 */
export function loadPeerCredentials(log: Log, attestor?: PeerAttestor): ReadPeerCredentials {
  if (process.platform !== 'linux') return cannotTell;
  try {
    return linuxReader(loadGetsockopt(), attestor);
  } catch (error) {
    log.warn('peer credentials are not available', { error });
    return cannotTell;
  }
}

/** Reads an option's value into 32-bit fields; gives 0, or the error's number. */
type Getsockopt = (socket: Socket, option: number, fields: Int32Array, bytes: number) => number;

interface Koffi {
  load(library: null): { func(declaration: string): (...values: readonly unknown[]) => number };
  errno(): number;
}

function loadGetsockopt(): Getsockopt {
  // `require`, because it is wanted now, and only here: an import would cost every command its memory.
  const koffi: Koffi = createRequire(import.meta.url)('koffi');
  const declaration = 'int getsockopt(int, int, int, _Out_ void *, _Inout_ uint32_t *)';
  // null is the process itself: whatever libc Node runs on, glibc or musl.
  const getsockopt = koffi.load(null).func(declaration);
  const length = new Uint32Array(1);
  return (socket, option, fields, bytes) => {
    length[0] = bytes;
    return getsockopt(descriptorOf(socket), SOL_SOCKET, option, fields, length) === 0 ? 0 : koffi.errno();
  };
}

function linuxReader(getsockopt: Getsockopt, attestor: PeerAttestor | undefined): ReadPeerCredentials {
  const fields = new Int32Array(UCRED_BYTES / Int32Array.BYTES_PER_ELEMENT);
  return (socket) => {
    if (getsockopt(socket, SO_PEERCRED, fields, UCRED_BYTES) !== 0) return undefined;
    const [pid = 0, uid = 0, gid = 0] = fields;
    const peer = { pid, uid: uid >>> 0, gid: gid >>> 0 };
    return attestor === undefined ? peer : { ...peer, attestation: attest(attestor, pid, openPidfd(socket)) };
  };

  function openPidfd(socket: Socket): AcceptedProcess['pidfd'] {
    const errno = getsockopt(socket, SO_PEERPIDFD, fields, DESCRIPTOR_BYTES);
    if (errno === constants.errno.ENOPROTOOPT) return 'unsupported';
    return errno === 0 ? (fields[0] ?? 'refused') : 'refused';
  }
}

function attest(attestor: PeerAttestor, pid: number, pidfd: AcceptedProcess['pidfd']): Attestation {
  try {
    return attestor.attest({ pid, pidfd });
  } finally {
    if (typeof pidfd === 'number') closeSync(pidfd);
  }
}

/** Node keeps the descriptor in an internal handle and has no public way to it. -1 when there is none. */
function descriptorOf(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle !== 'object' || handle === null) return -1;
  const descriptor: unknown = Reflect.get(handle, 'fd');
  return typeof descriptor === 'number' ? descriptor : -1;
}
