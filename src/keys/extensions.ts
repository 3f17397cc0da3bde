import { DerError } from './der-error.ts';
import { type DerReader, readDer } from './der-reader.ts';
import { contextTag, Tag } from './der-tag.ts';
import * as write from './der-writer.ts';
import { ObjectId } from './object-ids.ts';

/** One extension of a certificate or of a CSR's extension request (RFC 5280, 4.2): `value` is DER. */
export interface Extension {
  readonly id: string;
  readonly critical: boolean;
  readonly value: Uint8Array;
}

export function writeExtension({ id, critical, value }: Extension): Uint8Array {
  const parts = [write.objectIdentifier(id), ...(critical ? [write.boolean(true)] : []), write.octetString(value)];
  return write.sequence(...parts);
}

/** Reads the SEQUENCE of extensions; each may occur once (RFC 5280, 4.2). */
export function readExtensions(reader: DerReader): ReadonlyMap<string, Extension> {
  return reader.within(Tag.SEQUENCE, (list) => {
    const extensions = new Map<string, Extension>();
    while (!list.done) {
      const extension = list.within(Tag.SEQUENCE, (inside) => ({
        id: inside.objectIdentifier(),
        critical: inside.nextIs(Tag.BOOLEAN) && inside.boolean(),
        value: inside.octetString(),
      }));
      if (extensions.has(extension.id)) throw new DerError(`the extension ${extension.id} occurs twice`);
      extensions.set(extension.id, extension);
    }
    return extensions;
  });
}

/** Names of the key usage bits, in the order of their numbers (RFC 5280, 4.2.1.3). */
const KEY_USAGES = [
  'digitalSignature',
  'contentCommitment',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;
export type KeyUsage = (typeof KEY_USAGES)[number];

/** What the key may be used for; critical. */
export function keyUsage(usages: readonly KeyUsage[]): Extension {
  const value = write.namedBits(usages.map((usage) => KEY_USAGES.indexOf(usage)));
  return { id: ObjectId.keyUsage, critical: true, value };
}

export function readKeyUsage({ value }: Extension): readonly KeyUsage[] {
  const bits = new Set(readDer(value, (reader) => reader.namedBits()));
  return KEY_USAGES.filter((_name, bit) => bits.has(bit));
}

export interface BasicConstraints {
  readonly isCa: boolean;
  /** How many intermediates may follow below; undefined: any number. */
  readonly pathLength?: number | undefined;
}

/** Whether it is a CA (RFC 5280, 4.2.1.9); critical. */
export function basicConstraints({ isCa, pathLength }: BasicConstraints): Extension {
  const parts = isCa ? [write.boolean(true)] : [];
  if (pathLength !== undefined) parts.push(write.unsignedInteger(pathLength));
  return { id: ObjectId.basicConstraints, critical: true, value: write.sequence(...parts) };
}

export function readBasicConstraints({ value }: Extension): BasicConstraints {
  return readDer(value, (reader) =>
    reader.within(Tag.SEQUENCE, (inside) => ({
      isCa: inside.nextIs(Tag.BOOLEAN) && inside.boolean(),
      pathLength: inside.done ? undefined : inside.smallInteger(),
    })),
  );
}

/** The purposes that the key may serve, as object identifiers (RFC 5280, 4.2.1.12). */
export function extKeyUsage(purposes: readonly string[]): Extension {
  const value = write.sequence(...purposes.map(write.objectIdentifier));
  return { id: ObjectId.extKeyUsage, critical: false, value };
}

export function readExtKeyUsage({ value }: Extension): readonly string[] {
  return readDer(value, (reader) =>
    reader.within(Tag.SEQUENCE, (inside) => {
      const purposes: string[] = [];
      while (!inside.done) purposes.push(inside.objectIdentifier());
      return purposes;
    }),
  );
}

/** Names the subject's key (RFC 5280, 4.2.1.2). */
export function subjectKeyIdentifier(keyId: Uint8Array): Extension {
  return { id: ObjectId.subjectKeyIdentifier, critical: false, value: write.octetString(keyId) };
}

export function readSubjectKeyIdentifier({ value }: Extension): Uint8Array {
  return readDer(value, (reader) => reader.octetString());
}

/** Names the issuer's key (RFC 5280, 4.2.1.1). */
export function authorityKeyIdentifier(keyId: Uint8Array): Extension {
  const value = write.sequence(write.element(contextTag(0), keyId));
  return { id: ObjectId.authorityKeyIdentifier, critical: false, value };
}

/** The issuer's key identifier; undefined where the extension names the issuer in another way. */
export function readAuthorityKeyIdentifier({ value }: Extension): Uint8Array | undefined {
  const inside = readDer(value, (reader) => reader.enter(Tag.SEQUENCE));
  return inside.nextIs(contextTag(0)) ? inside.content(contextTag(0)) : undefined;
}
