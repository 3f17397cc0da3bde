import { toIsoTime } from '../core/calendar.ts';
import { Tag } from './der-tag.ts';

/**
 * Writes DER (X.690): each function gives one complete element; contents are elements written before.
 * Whoever nests them right gets valid DER, for the shortest length is the only one written.
 */
export function element(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const content of contents) length += content.length;
  return Buffer.concat([Buffer.from([tag, ...lengthOctets(length)]), ...contents]);
}

function lengthOctets(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes = bigEndian(length);
  return [0x80 | bytes.length, ...bytes];
}

/** The fewest bytes that hold the number; none for 0. */
function bigEndian(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return bytes;
}

export function sequence(...contents: readonly Uint8Array[]): Buffer {
  return element(Tag.SEQUENCE, ...contents);
}

/** A SET of one element; more would have to be sorted (X.690, 11.6). */
export function setOfOne(content: Uint8Array): Buffer {
  return element(Tag.SET, content);
}

export function boolean(value: boolean): Buffer {
  return element(Tag.BOOLEAN, Uint8Array.of(value ? 0xff : 0x00));
}

/** A number from 0, given as such or as its big-endian bytes of any length. */
export function unsignedInteger(value: number | Uint8Array): Buffer {
  const bytes = typeof value === 'number' ? Uint8Array.from(bigEndian(value)) : value;
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const shortest = bytes.subarray(start);
  const first = shortest[0];
  // A leading zero keeps a number with its top bit set from being negative; 0 itself is one zero byte.
  if (first === undefined || first >= 0x80) return element(Tag.INTEGER, Uint8Array.of(0), shortest);
  return element(Tag.INTEGER, shortest);
}

/** An object identifier from its dotted form, for example `2.5.29.17`. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes: number[] = [];
  for (const arc of [40 * first + second, ...rest]) {
    const groups = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) groups.unshift(0x80 | (left % 128));
    bytes.push(...groups);
  }
  return element(Tag.OBJECT_IDENTIFIER, Uint8Array.from(bytes));
}

export function nullValue(): Buffer {
  return element(Tag.NULL);
}

export function octetString(content: Uint8Array): Buffer {
  return element(Tag.OCTET_STRING, content);
}

export function bitString(content: Uint8Array, unusedBits = 0): Buffer {
  return element(Tag.BIT_STRING, Uint8Array.of(unusedBits), content);
}

/** A BIT STRING of named bits: those numbered in `bits` are set, trailing zeros are left out (X.690, 11.2.2). */
export function namedBits(bits: readonly number[]): Buffer {
  const highest = Math.max(-1, ...bits);
  const bytes = new Uint8Array(Math.ceil((highest + 1) / 8));
  for (const bit of bits) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return bitString(bytes, bytes.length * 8 - (highest + 1));
}

export function utf8String(text: string): Buffer {
  return element(Tag.UTF8_STRING, Buffer.from(text, 'utf8'));
}

/** A time, cut to the second: UTCTime until 2049, GeneralizedTime from 2050 (RFC 5280, 4.1.2.5). */
export function time(ms: number): Buffer {
  const digits = toIsoTime(ms).replace(/[-:T]/g, '');
  if (digits < '2050') return element(Tag.UTC_TIME, Buffer.from(digits.slice(2)));
  return element(Tag.GENERALIZED_TIME, Buffer.from(digits));
}
