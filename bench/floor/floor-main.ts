import { cannedResponse } from './canned-response.ts';
import { createFloor } from './floor-responder.ts';

/** The floor's process: `floor-main.js SOCKET BYTES…`, a size for each stream of a connection. */
const [socketPath, ...sizes] = process.argv.slice(2);
createFloor(sizes.map((size) => cannedResponse(Number(size)))).listen(socketPath);
