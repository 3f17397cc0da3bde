/** Everything but printable ASCII without `%` (gRPC over HTTP/2, "Status-Message"). */
const UNSAFE = /[^ -$&-~]/;

/** A status text as the value of `grpc-message`: the bytes of its UTF-8, percent-encoded where not printable ASCII. */
export function encodeStatusMessage(text: string): string {
  if (!UNSAFE.test(text)) return text;
  let encoded = '';
  for (const byte of Buffer.from(text, 'utf8')) {
    const character = String.fromCharCode(byte);
    encoded += UNSAFE.test(character) ? `%${byte.toString(16).toUpperCase().padStart(2, '0')}` : character;
  }
  return encoded;
}

/** The text of a `grpc-message`. What is not well encoded stays as it is, as the specification demands. */
export function decodeStatusMessage(value: string): string {
  if (!value.includes('%')) return value;
  const bytes = value.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
