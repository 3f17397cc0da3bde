const HTTP2_PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
/** No HTTP/1.1 method begins like this, and HTTP/2's preface always does (RFC 9113 section 3.4). */
const TELLING_BYTES = 4;
const UPPER_A = 0x41;
const UPPER_Z = 0x5a;

export type SniffedProtocol = 'http1' | 'http2' | 'neither' | 'undecided';

/**
 * What a connection speaks, by its first bytes. `neither` is what does not begin with a capital letter, such as a
 * TLS hello: a method name does, and an answer in plain text would only confuse its sender.
 */
export function sniffProtocol(bytes: Uint8Array): SniffedProtocol {
  const [first] = bytes;
  if (first === undefined) return 'undecided';
  if (first < UPPER_A || first > UPPER_Z) return 'neither';
  const telling = bytes.subarray(0, TELLING_BYTES);
  if (HTTP2_PREFACE.compare(telling, 0, telling.length, 0, telling.length) !== 0) return 'http1';
  return telling.length === TELLING_BYTES ? 'http2' : 'undecided';
}
