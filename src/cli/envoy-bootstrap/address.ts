import { isIP } from 'node:net';
import type { EnvoyObject } from './document.ts';

/** Where something listens. */
export type Address =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** Reads `HOST:PORT`, `[IPV6]:PORT` or `unix:/path`; undefined when it is none of them. */
export function parseAddress(text: string): Address | undefined {
  if (text.startsWith('unix:/')) return { kind: 'unix', path: text.slice('unix:'.length) };
  const [, bracketed, plain, digits] = /^(?:\[([\da-f:.]+)\]|([^:[\]]+)):(\d{1,5})$/i.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || port > 65_535 || (bracketed !== undefined && isIP(bracketed) !== 6)) return undefined;
  return { kind: 'tcp', host, port };
}

/** `envoy.config.core.v3.Address`. */
export function toEnvoyAddress(address: Address): EnvoyObject {
  if (address.kind === 'unix') return { pipe: { path: address.path } };
  return { socket_address: { address: address.host, port_value: address.port } };
}

/** Whether the name behind it has to be resolved. */
export function isHostName(address: Address): boolean {
  return address.kind === 'tcp' && isIP(address.host) === 0;
}
