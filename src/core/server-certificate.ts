import type { Redacted } from './redacted.ts';

/** What a TLS server shows of itself, in PEM: its chain, leaf first, and the leaf's key. */
export interface ServerCertificate {
  readonly chainPem: string;
  readonly keyPem: Redacted<Buffer>;
}

/**
 * Shows it from the next handshake on; connections that are open stay.
 * Throws an `AgentError` `settings-invalid` where key and certificate are no pair: then the old one is still shown.
 */
export type ShowServerCertificate = (certificate: ServerCertificate) => void;
