/** So many characters in common with a secret do not happen by accident; `eyJhbGciOiJ` begins every token. */
const TELLING = 12;
/** A secret shorter than this would be found in any text. */
const SHORTEST = 4;
/** What could belong to something encoded, and so to a piece of a secret beside it. */
const ENCODED = /[\w+/=.~-]/;
/** Bytes written one by one, as Node prints buffers. */
const BYTES = /(?:[0-9a-f]{1,3}[\s,:]+){8,}/gi;
/** Tokens (RFC 7519) whose request is over, or was never one of ours. */
const ANY_JWT = /eyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?/g;
const LONGEST_TEXT = 4096;
const REDACTED = '[redacted]';

/** What nobody may see of a request: the token, the CSR, a header. Shows as nothing in `inspect`. */
export class Secrets {
  readonly #parts: readonly (string | Uint8Array)[];
  #pieces: ReadonlySet<string> | undefined;

  constructor(...parts: readonly (string | Uint8Array)[]) {
    this.#parts = parts;
  }

  /** Those that are too short to be known by a piece. */
  get shorts(): readonly string[] {
    const texts = this.#parts.filter((part) => typeof part === 'string');
    return texts.filter(({ length }) => length >= SHORTEST && length < TELLING);
  }

  /** Whether these twelve characters, as `toPlain` gives them, are a piece of one in any form. */
  has(piece: string): boolean {
    // Made when it is needed: almost no request ever fails with a text.
    this.#pieces ??= new Set(this.#parts.flatMap(formsOf).flatMap(windowsOf));
    return this.#pieces.has(piece);
  }
}

/** A text that somebody else wrote, cut to 4,096 characters, without what must not be seen. */
export type Cleaner = (text: string) => string;

/**
 * Makes a cleaner: it takes out each run of characters that has a piece of a secret in it, plain, in base64 or in hex,
 * whatever the case of its letters; and whatever else looks like a token, or like bytes.
 */
export function withoutSecrets(secrets: readonly Secrets[]): Cleaner {
  const shorts = secrets.flatMap((some) => some.shorts);
  return (text) => {
    let cut = text.slice(0, LONGEST_TEXT).replace(ANY_JWT, REDACTED).replace(BYTES, `${REDACTED} `);
    for (const short of shorts) cut = cut.replaceAll(short, REDACTED);
    return withoutPieces(cut, secrets);
  };
}

function withoutPieces(text: string, secrets: readonly Secrets[]): string {
  const plain = toPlain(text);
  const isPiece = (at: number): boolean => {
    const window = plain.slice(at, at + TELLING);
    return window.length === TELLING && secrets.some((some) => some.has(window));
  };
  let shown = '';
  for (let at = 0; at < text.length; ) {
    if (!isPiece(at)) {
      shown += text.charAt(at);
      at++;
      continue;
    }
    let end = at + TELLING;
    while (isPiece(end - TELLING + 1)) end++;
    // What is written without a break beside a piece belongs to it.
    while (ENCODED.test(text.charAt(end))) end++;
    let start = shown.length;
    while (ENCODED.test(shown.charAt(start - 1))) start--;
    shown = shown.slice(0, start) + REDACTED;
    at = end;
  }
  return shown;
}

/** Base64 and base64url, and hex in capitals or not, look alike in this form; no character moves. */
function toPlain(text: string): string {
  return text.replace(/[A-Z_-]/g, (character) => {
    if (character === '-') return '+';
    return character === '_' ? '/' : character.toLowerCase();
  });
}

function formsOf(part: string | Uint8Array): string[] {
  const bytes = Buffer.from(part);
  // Base64 looks different with one or two bytes before it, as in the base64 of a whole header.
  const shifted = [0, 1, 2].map((before) => bytes.subarray(before).toString('base64'));
  const forms = [bytes.toString('hex'), ...shifted];
  return (typeof part === 'string' ? [part, ...forms] : forms).map(toPlain);
}

function windowsOf(text: string): string[] {
  const count = Math.max(0, text.length - TELLING + 1);
  return Array.from({ length: count }, (_, start) => text.slice(start, start + TELLING));
}
