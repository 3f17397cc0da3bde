/** A key set of a hundred RSA keys has some 50 KB; more than this is none. */
export const LARGEST_KEY_SET_BYTES = 1024 * 1024;
