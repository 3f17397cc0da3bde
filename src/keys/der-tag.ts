/** Identifier octets of the ASN.1 types that certificates use (X.690, 8.1.2); class and constructed bit included. */
export const Tag = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  NULL: 0x05,
  OBJECT_IDENTIFIER: 0x06,
  UTF8_STRING: 0x0c,
  UTC_TIME: 0x17,
  GENERALIZED_TIME: 0x18,
  SEQUENCE: 0x30,
  SET: 0x31,
} as const;

/** The tag `[number]` with primitive content, as IMPLICIT tagging of a primitive type makes it. */
export function contextTag(number: number): number {
  return 0x80 | number;
}

/** The tag `[number]` with elements inside: EXPLICIT tagging, or IMPLICIT tagging of a SEQUENCE or SET. */
export function constructedContextTag(number: number): number {
  return 0xa0 | number;
}
