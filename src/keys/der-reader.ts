import { toIsoTime, utcMs } from '../core/calendar.ts';
import { DerError } from './der-error.ts';
import { Tag } from './der-tag.ts';

/** One element: its content, and the whole of it with tag and length. Both are views, not copies. */
export interface DerElement {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly whole: Uint8Array;
}

/** Longer ones occur nowhere, and decoding takes the square of the length. */
const LONGEST_OBJECT_IDENTIFIER = 64;

/**
 * Reads DER (X.690) strictly, one element after the other: one encoding for a value, so that what was signed is
 * what was read. Every method throws `DerError` when the next element is not what was asked for. Nothing here
 * follows the nesting of the input: how deep a read goes is how deep its caller asks.
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Whether everything has been read. */
  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  nextIs(tag: number): boolean {
    return this.#bytes[this.#at] === tag;
  }

  /** Demands that everything has been read. */
  finish(): void {
    if (!this.done) throw new DerError('there are bytes after the end');
  }

  /** The next element, whatever its tag. */
  any(): DerElement {
    const start = this.#at;
    const tag = this.#octet();
    // X.690, 8.1.2.4: tag numbers from 31 take more octets. No certificate has them.
    if ((tag & 0x1f) === 0x1f) throw new DerError('a tag has more than one octet');
    const length = this.#length();
    const from = this.#at;
    const end = from + length;
    if (end > this.#bytes.length) throw new DerError('an element is longer than what holds it');
    this.#at = end;
    return { tag, content: this.#bytes.subarray(from, end), whole: this.#bytes.subarray(start, end) };
  }

  element(tag: number): DerElement {
    if (!this.nextIs(tag)) {
      const found = this.#bytes[this.#at];
      const what = found === undefined ? 'the end' : `tag 0x${found.toString(16)}`;
      throw new DerError(`there is ${what} where tag 0x${tag.toString(16)} should be`);
    }
    return this.any();
  }

  content(tag: number): Uint8Array {
    return this.element(tag).content;
  }

  /** A reader of what is inside the next element. */
  enter(tag: number): DerReader {
    return new DerReader(this.content(tag));
  }

  /** Reads what is inside the next element, all of it. */
  within<T>(tag: number, read: (inside: DerReader) => T): T {
    return readDer(this.content(tag), read);
  }

  boolean(): boolean {
    const content = this.content(Tag.BOOLEAN);
    const value = content[0];
    if (content.length !== 1 || (value !== 0x00 && value !== 0xff))
      throw new DerError('a boolean is neither 00 nor ff');
    return value === 0xff;
  }

  /** The bytes of an INTEGER as they are: two's complement, big-endian, at least one. */
  integer(): Uint8Array {
    const content = this.content(Tag.INTEGER);
    const [first, second = 0] = content;
    if (first === undefined) throw new DerError('an integer has no bytes');
    const padded = (first === 0x00 && second < 0x80) || (first === 0xff && second >= 0x80);
    if (padded && content.length > 1) throw new DerError('an integer has superfluous bytes');
    return content;
  }

  /** An INTEGER from 0 to 2 ** 31 - 1. */
  smallInteger(): number {
    const content = this.integer();
    const [first = 0] = content;
    if (first >= 0x80 || content.length > 4) throw new DerError('an integer is negative or too large');
    return content.reduce((value, byte) => value * 256 + byte, 0);
  }

  /** An OBJECT IDENTIFIER in dotted form. */
  objectIdentifier(): string {
    const content = this.content(Tag.OBJECT_IDENTIFIER);
    const last = content.at(-1);
    if (last === undefined || last >= 0x80) throw new DerError('an object identifier is cut off');
    if (content.length > LONGEST_OBJECT_IDENTIFIER) throw new DerError('an object identifier is too long');
    const arcs: bigint[] = [];
    let arc = 0n;
    let fresh = true;
    for (const byte of content) {
      if (fresh && byte === 0x80) throw new DerError('an object identifier has superfluous bytes');
      arc = (arc << 7n) | BigInt(byte & 0x7f);
      fresh = byte < 0x80;
      if (!fresh) continue;
      arcs.push(arc);
      arc = 0n;
    }
    // X.690, 8.19.4: the first number holds two arcs; the first arc is 0, 1 or 2.
    const [joined = 0n, ...rest] = arcs;
    const top = joined < 80n ? joined / 40n : 2n;
    return [top, joined - 40n * top, ...rest].join('.');
  }

  octetString(): Uint8Array {
    return this.content(Tag.OCTET_STRING);
  }

  /** The bytes of a BIT STRING whose length is a multiple of eight bits, as signatures and keys are. */
  bitString(): Uint8Array {
    const { bytes, unusedBits } = this.#bits();
    if (unusedBits !== 0) throw new DerError('a bit string does not end with a whole byte');
    return bytes;
  }

  /** The numbers of the bits that are set in a BIT STRING of named bits. */
  namedBits(): number[] {
    const { bytes } = this.#bits();
    const set: number[] = [];
    for (const [index, byte] of bytes.entries()) {
      for (let bit = 0; bit < 8; bit++) if ((byte & (0x80 >> bit)) !== 0) set.push(8 * index + bit);
    }
    return set;
  }

  /** A UTCTime or GeneralizedTime as certificates must have them (RFC 5280, 4.1.2.5), in milliseconds. */
  timeMs(): number {
    const { tag, content } = this.any();
    const text = asciiText(content);
    if (tag === Tag.UTC_TIME) return toMs(text < '50' ? `20${text}` : `19${text}`);
    if (tag === Tag.GENERALIZED_TIME) return toMs(text);
    throw new DerError('there is no time where one should be');
  }

  #bits(): { bytes: Uint8Array; unusedBits: number } {
    const content = this.content(Tag.BIT_STRING);
    const [unusedBits] = content;
    const bytes = content.subarray(1);
    if (unusedBits === undefined || unusedBits > 7 || (bytes.length === 0 && unusedBits > 0)) {
      throw new DerError('a bit string is cut off');
    }
    if (((bytes.at(-1) ?? 0) & ((1 << unusedBits) - 1)) !== 0) throw new DerError('a bit string has unused bits set');
    return { bytes, unusedBits };
  }

  #octet(): number {
    const octet = this.#bytes[this.#at];
    if (octet === undefined) throw new DerError('it ends in the middle of an element');
    this.#at++;
    return octet;
  }

  #length(): number {
    const first = this.#octet();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    // X.690, 10.1: DER has no indefinite lengths. More than four bytes would exceed any input.
    if (count === 0 || count > 4) throw new DerError('a length is indefinite or too large');
    let length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + this.#octet();
    if (length < 0x80 || length < 256 ** (count - 1)) throw new DerError('a length has superfluous bytes');
    return length;
  }
}

/** Reads one value that takes up all the bytes. */
export function readDer<T>(bytes: Uint8Array, read: (reader: DerReader) => T): T {
  const reader = new DerReader(bytes);
  const value = read(reader);
  reader.finish();
  return value;
}

/** Text of an IA5String, or of another type whose characters are all ASCII. */
export function asciiText(content: Uint8Array): string {
  if (content.some((byte) => byte >= 0x80)) throw new DerError('a text has characters outside ASCII');
  return Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString('latin1');
}

const TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;

function toMs(digits: string): number {
  const match = TIME.exec(digits);
  if (match === null) throw new DerError('a time is not written in seconds and Z');
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  const ms = utcMs(year, month, day, hour, minute, second);
  // Date arithmetic takes the 31st of February for a day in March.
  if (toIsoTime(ms).replace(/[-:T]/g, '') !== digits) throw new DerError('a time does not exist in the calendar');
  return ms;
}
