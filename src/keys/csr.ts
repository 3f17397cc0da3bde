import { AgentError } from '../core/agent-error.ts';
import type { SpiffeId } from '../core/spiffe-id.ts';
import { DerError } from './der-error.ts';
import { type DerReader, readDer } from './der-reader.ts';
import { constructedContextTag, Tag } from './der-tag.ts';
import { bitString, element, objectIdentifier, sequence, setOfOne, unsignedInteger } from './der-writer.ts';
import { readExtensions, writeExtension } from './extensions.ts';
import type { KeyPair } from './key-pair.ts';
import { writeName } from './name.ts';
import { ObjectId } from './object-ids.ts';
import { importPublicKey, kindOf, type PublicKeyKind } from './public-key.ts';
import { isSignedWith } from './signature-algorithm.ts';
import { readSubjectAltNames, type SubjectAltName, subjectAltName } from './subject-alt-name.ts';

/** Writes a PKCS#10 request (RFC 2986): version 1, empty subject, the SPIFFE ID as a critical URI SAN; in DER. */
export function createCsr(keyPair: KeyPair, spiffeId: SpiffeId): Uint8Array {
  const request = sequence(
    unsignedInteger(0),
    writeName(),
    keyPair.publicKeyDer,
    element(constructedContextTag(0), extensionRequest([{ kind: 'uri', value: spiffeId }])),
  );
  return sequence(request, keyPair.signatureAlgorithmDer, bitString(keyPair.sign(request)));
}

/** The attribute that asks for extensions (RFC 2985, 5.4.2). */
function extensionRequest(names: readonly SubjectAltName[]): Uint8Array {
  const extensions = sequence(writeExtension(subjectAltName(names)));
  return sequence(objectIdentifier(ObjectId.extensionRequest), setOfOne(extensions));
}

/** A PKCS#10 request whose signature has been verified: whoever made it holds the private key. */
export interface Csr {
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKeyDer: Uint8Array;
  readonly publicKeyKind: PublicKeyKind;
  /** What it asks for; a CA has to take the names from the verified identity instead. */
  readonly subjectAltNames: readonly SubjectAltName[];
  readonly uriSans: readonly string[];
}

/**
 * Reads a request in DER and verifies that it is signed with its own key.
 *
 * @throws AgentError `ca-request-refused`, without a byte of the request
 */
export function parseCsr(der: Uint8Array): Csr {
  return read(der, readCsr);
}

/**
 * The SubjectPublicKeyInfo in DER of a request that this agent made itself: its signature is not looked at.
 *
 * @throws AgentError `ca-request-refused`, without a byte of the request
 */
export function readPublicKey(csr: Uint8Array): Uint8Array {
  return read(csr, (reader) =>
    reader.within(Tag.SEQUENCE, (outer) => {
      const request = outer.element(Tag.SEQUENCE);
      outer.element(Tag.SEQUENCE);
      outer.bitString();
      return readDer(request.content, readRequest).publicKeyDer;
    }),
  );
}

function read<T>(der: Uint8Array, reader: (reader: DerReader) => T): T {
  try {
    return readDer(der, reader);
  } catch (thrown) {
    if (!(thrown instanceof DerError)) throw thrown;
    throw new AgentError('ca-request-refused', `not a certificate request: ${thrown.message}`, { cause: thrown });
  }
}

function readCsr(reader: DerReader): Csr {
  return reader.within(Tag.SEQUENCE, (outer) => {
    const request = outer.element(Tag.SEQUENCE);
    const signatureAlgorithmDer = outer.element(Tag.SEQUENCE).whole;
    const signature = outer.bitString();
    const { publicKeyDer, subjectAltNames } = readDer(request.content, readRequest);
    const key = importPublicKey(publicKeyDer);
    if (!isSignedWith(key, { signedDer: request.whole, signatureAlgorithmDer, signature })) {
      throw new DerError('it is not signed with its own key');
    }
    const uriSans = subjectAltNames.filter(({ kind }) => kind === 'uri').map(({ value }) => value);
    return { publicKeyDer, publicKeyKind: kindOf(key), subjectAltNames, uriSans };
  });
}

function readRequest(body: DerReader): Pick<Csr, 'publicKeyDer' | 'subjectAltNames'> {
  if (body.smallInteger() !== 0) throw new DerError('it is not of version 1');
  body.element(Tag.SEQUENCE); // The subject: names come from the verified identity alone.
  const publicKeyDer = body.element(Tag.SEQUENCE).whole;
  const subjectAltNames = body.within(constructedContextTag(0), readAttributes);
  return { publicKeyDer, subjectAltNames };
}

function readAttributes(attributes: DerReader): readonly SubjectAltName[] {
  let names: readonly SubjectAltName[] = [];
  while (!attributes.done) {
    attributes.within(Tag.SEQUENCE, (attribute) => {
      const id = attribute.objectIdentifier();
      const values = attribute.enter(Tag.SET);
      if (id !== ObjectId.extensionRequest) return;
      const extension = readExtensions(values).get(ObjectId.subjectAltName);
      if (extension !== undefined) names = readSubjectAltNames(extension);
    });
  }
  return names;
}
