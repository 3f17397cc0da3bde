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

/** Text from a plug-in without the secrets of the requests that it was made for. */
export type Cleaner = (text: string) => string;

/**
 * Makes a cleaner for these requests: it takes out each run of characters that has a piece of a token or a CSR in
 * it, plain, in base64 or in hex, and whatever else looks like a token.
 */
export function withoutSecrets(requests: Iterable<Pick<SignRequest, 'csr' | 'token'>>): Cleaner {
  let forms: string[] | undefined;
  return (text) => {
    // Made when it is needed: almost no request ever fails with a text.
    forms ??= Array.from(requests).flatMap(({ token, csr }) => [
      token.reveal(),
      ...encodings(Buffer.from(token.reveal())),
      ...encodings(csr),
    ]);
    const known = forms;
    return text
      .slice(0, LONGEST_TEXT)
      .replace(ANY_JWT, '[redacted]')
      .replace(BYTES, '[redacted] ')
      .replace(RUN, (run) => (hasPieceOf(run, known) ? '[redacted]' : run));
  };
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

function hasPieceOf(run: string, forms: readonly string[]): boolean {
  for (let start = 0; start + TELLING <= run.length; start++) {
    const piece = run.slice(start, start + TELLING);
    if (forms.some((form) => form.includes(piece))) return true;
  }
  return false;
}
