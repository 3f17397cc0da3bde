import { createRequire } from 'node:module';
import type { Socket } from 'node:net';

type Getsockopt = (fd: number, level: number, option: number, value: Buffer, length: Uint32Array) => number;
type Recv = (fd: number, bytes: Buffer, length: number, flags: number) => number;

/** The calls of libc on a socket that Node has no way to. Each takes half a microsecond. */
export interface Libc {
  readonly getsockopt: Getsockopt;
  readonly recv: Recv;
}

interface Koffi {
  load(library: null): { func(declaration: string): unknown };
}

/** Loads them through koffi, which is loaded here and nowhere else. Throws where that is not possible. */
export function loadLibc(): Libc {
  // `require`, because it is wanted now, and only here: an import would cost every command its memory.
  const koffi: Koffi = createRequire(import.meta.url)('koffi');
  // null is the process itself: whatever libc Node runs on, glibc or musl.
  const libc = koffi.load(null);
  return {
    getsockopt: libc.func('int getsockopt(int, int, int, _Out_ void *, _Inout_ uint32_t *)') as Getsockopt,
    recv: libc.func('intptr_t recv(int, _Out_ void *, size_t, int)') as Recv,
  };
}

/** Node keeps the descriptor in an internal handle and has no public way to it. -1 when there is none. */
export function descriptorOf(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle !== 'object' || handle === null) return -1;
  const descriptor: unknown = Reflect.get(handle, 'fd');
  return typeof descriptor === 'number' ? descriptor : -1;
}
