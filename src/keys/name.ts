import { objectIdentifier, sequence, setOfOne, utf8String } from './der-writer.ts';
import { ObjectId } from './object-ids.ts';

/** What a Name (RFC 5280, 4.1.2.4) says; both at most 64 characters. */
export interface NameParts {
  readonly organization?: string;
  readonly commonName?: string;
}

/** Writes a Name in DER; without parts the empty one, as workloads have it. */
export function writeName({ organization, commonName }: NameParts = {}): Uint8Array {
  const attributes = [
    [ObjectId.organizationName, organization],
    [ObjectId.commonName, commonName],
  ] as const;
  const written: Uint8Array[] = [];
  for (const [id, text] of attributes) {
    if (text !== undefined) written.push(setOfOne(sequence(objectIdentifier(id), utf8String(text))));
  }
  return sequence(...written);
}
