import type { SignRequest } from '../../core/ca-provider.ts';

/** A run of characters that could be a piece of something encoded. */
const RUN = /[\w+/=.~-]{12,}/g;
/** Bytes written one by one, as Node prints buffers. */
const BYTES = /(?:[0-9a-f]{1,3}[\s,:]+){8,}/gi;
/** So many characters in common with a secret do not happen by accident. */
const TELLING = 12;
/** Tokens (RFC 7519) whose request is over, or was never one of ours. */
const ANY_JWT = /eyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?/g;
const LONGEST_TEXT = 4096;

/** What must not be seen of a request. */
type SecretParts = Pick<SignRequest, 'csr' | 'token'>;

/** Text from a plug-in without the secrets of the requests that it was made for. */
export type Cleaner = (text: string) => string;

/**
 * Makes a cleaner for these requests: it takes out each run of characters that has a piece of a token or a CSR in
 * it, plain, in base64 or in hex, and whatever else looks like a token.
 */
export function withoutSecrets(requests: Iterable<SecretParts>): Cleaner {
  let pieces: readonly ReadonlySet<string>[] | undefined;
  return (text) => {
    // Made when they are needed: almost no request ever fails with a text.
    pieces ??= Array.from(requests, piecesOf);
    const known = pieces;
    return text
      .slice(0, LONGEST_TEXT)
      .replace(ANY_JWT, '[redacted]')
      .replace(BYTES, '[redacted] ')
      .replace(RUN, (run) => (hasPieceOf(run, known) ? '[redacted]' : run));
  };
}

const piecesByRequest = new WeakMap<SecretParts, ReadonlySet<string>>();

/** Every run of `TELLING` characters in any form of a request's secrets; made once, for a module may say much. */
function piecesOf(request: SecretParts): ReadonlySet<string> {
  const known = piecesByRequest.get(request);
  if (known !== undefined) return known;
  const pieces = new Set<string>();
  const token = request.token.reveal();
  for (const form of [token, ...encodings(Buffer.from(token)), ...encodings(request.csr)]) {
    for (const piece of windowsOf(form)) pieces.add(piece);
  }
  piecesByRequest.set(request, pieces);
  return pieces;
}

function* windowsOf(text: string): Generator<string> {
  for (let start = 0; start + TELLING <= text.length; start++) yield text.slice(start, start + TELLING);
}

function encodings(bytes: Uint8Array): string[] {
  const buffer = Buffer.from(bytes);
  // Base64 looks different with one or two bytes before it, as in the base64 of a whole header.
  const shifted = [0, 1, 2].map((before) => buffer.subarray(before));
  return [
    buffer.toString('hex'),
    ...shifted.map((part) => part.toString('base64')),
    ...shifted.map((part) => part.toString('base64url')),
  ];
}

function hasPieceOf(run: string, known: readonly ReadonlySet<string>[]): boolean {
  for (const piece of windowsOf(run)) if (known.some((pieces) => pieces.has(piece))) return true;
  return false;
}
