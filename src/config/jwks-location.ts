import type { JwksLocation } from './settings.ts';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Whether a URL's host is this machine, by its name alone. */
export function isLoopbackHost(hostname: string): boolean {
  return LOOPBACK.test(hostname);
}

/**
 * Reads where a key set is: a URL, or else the path of a file. Keys decide who is let in, so they must not come
 * over a wire that anybody can change: https, or http that never leaves the machine. Undefined for anything else.
 */
export function parseJwksLocation(text: string): JwksLocation | undefined {
  if (text.trim() !== text || text === '') return undefined;
  if (!text.includes('://')) return { kind: 'file', path: text };
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.username !== '' || url.password !== '') return undefined;
  const safe = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname));
  return safe ? { kind: 'url', url: text } : undefined;
}
