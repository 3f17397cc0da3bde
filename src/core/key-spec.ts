/** What kind of key to make. */
export type KeySpec =
  | { readonly algorithm: 'ecdsa'; readonly curve: 'P256' | 'P384' }
  | { readonly algorithm: 'rsa'; readonly bits: number };
