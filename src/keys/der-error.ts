/**
 * Bytes that are not what they should be. It stays inside this room: the functions that read a certificate, a CSR
 * or a PEM file turn it into an `AgentError` that says what the bytes were meant to be.
 */
export class DerError extends Error {
  override readonly name = 'DerError';
}
