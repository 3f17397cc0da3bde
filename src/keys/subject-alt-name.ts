import { asciiText, type DerElement, readDer } from './der-reader.ts';
import { contextTag, Tag } from './der-tag.ts';
import { element, sequence } from './der-writer.ts';
import type { Extension } from './extensions.ts';
import { ObjectId } from './object-ids.ts';

/**
 * One name of the subject alternative name (RFC 5280, 4.2.1.6). An `ip` is dotted (IPv4) or the hex of its bytes,
 * `other` the hex of the whole name.
 */
export interface SubjectAltName {
  readonly kind: 'uri' | 'dns' | 'email' | 'ip' | 'other';
  readonly value: string;
}

const EMAIL = contextTag(1);
const DNS = contextTag(2);
const URI = contextTag(6);
const IP = contextTag(7);

/** The names of the subject; critical where the subject itself is empty, as it is in our certificates. */
export function subjectAltName(names: readonly SubjectAltName[], critical = true): Extension {
  return { id: ObjectId.subjectAltName, critical, value: sequence(...names.map(writeName)) };
}

function writeName({ kind, value }: SubjectAltName): Uint8Array {
  switch (kind) {
    case 'email':
      return element(EMAIL, Buffer.from(value, 'latin1'));
    case 'dns':
      return element(DNS, Buffer.from(value, 'latin1'));
    case 'uri':
      return element(URI, Buffer.from(value, 'latin1'));
    case 'ip':
      return element(
        IP,
        value.includes('.') ? Uint8Array.from(value.split('.').map(Number)) : Buffer.from(value, 'hex'),
      );
    case 'other':
      return Buffer.from(value, 'hex');
  }
}

export function readSubjectAltNames({ value }: Extension): readonly SubjectAltName[] {
  return readDer(value, (reader) =>
    reader.within(Tag.SEQUENCE, (inside) => {
      const names: SubjectAltName[] = [];
      while (!inside.done) names.push(readName(inside.any()));
      return names;
    }),
  );
}

function readName({ tag, content, whole }: DerElement): SubjectAltName {
  switch (tag) {
    case EMAIL:
      return { kind: 'email', value: asciiText(content) };
    case DNS:
      return { kind: 'dns', value: asciiText(content) };
    case URI:
      return { kind: 'uri', value: asciiText(content) };
    case IP:
      return { kind: 'ip', value: content.length === 4 ? content.join('.') : toHex(content) };
    default:
      return { kind: 'other', value: toHex(whole) };
  }
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
