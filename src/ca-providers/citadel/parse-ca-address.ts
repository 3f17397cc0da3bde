import { AgentError, quoteUntrusted } from '../../core/agent-error.ts';

/** Where a CA is. */
export interface CaAddress {
  /** As gRPC names it (grpc/grpc, doc/naming.md). */
  readonly target: string;
  /** A name or an IP address; undefined for a unix socket, which is spoken to in plain text, as by Istio's agent. */
  readonly host: string | undefined;
}

const HOST_AND_PORT = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+)):(\d{1,5})$/i;

/**
 * Reads `CA_ADDR`: `host:port` (a name, an IPv4 address or an IPv6 one in brackets) or `unix:/path`.
 *
 * @throws AgentError `settings-invalid`, naming the setting and what is allowed
 */
export function parseCaAddress(text: string): CaAddress {
  if (/^unix:(?:\/\/)?\/[^/]/.test(text)) return { target: text, host: undefined };
  const [, ipv6, name, port] = HOST_AND_PORT.exec(text) ?? [];
  const host = ipv6 ?? name;
  if (host !== undefined && Number(port) >= 1 && Number(port) <= 65_535) return { target: `dns:${text}`, host };
  throw new AgentError(
    'settings-invalid',
    `CA_ADDR is ${quoteUntrusted(text)}; allowed is host:port, as in istiod.istio-system.svc:15012, or unix:/path`,
  );
}
