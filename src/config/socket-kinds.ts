import { kindOf, orEmpty, wholeNumber } from './value-kind.ts';

// sun_path of unix(7) holds 108 bytes with the final zero; longer paths are cut without a word.
const LONGEST_SOCKET_PATH = 107;

/** The path of a unix socket. */
export const socketPath = kindOf(`a path of at most ${LONGEST_SOCKET_PATH} bytes`, (given) =>
  given !== '' && Buffer.byteLength(given) <= LONGEST_SOCKET_PATH && !given.includes('\0') ? given : undefined,
);

/** Who may connect to a socket. */
export const fileMode = kindOf('permission bits in octal, such as `0660`', (given) =>
  /^0?[0-7]{3}$/.test(given) ? Number.parseInt(given, 8) : undefined,
);

/** The group that a socket belongs to; undefined: the agent's own. */
export const socketGid = orEmpty(wholeNumber(0, 4_294_967_294), "the agent's own group");
