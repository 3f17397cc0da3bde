import { readFileSync } from 'node:fs';
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { ECHO } from './echo-service.ts';

/**
 * The floor's server: `echo-main.js ADDRESS CERT_FILE KEY_FILE BYTES`. Answers each call with so many bytes. Says
 * where it listens, then serves.
 */
const [address = '', certFile = '', keyFile = '', bytes] = process.argv.slice(2);
const answer = Buffer.alloc(Number(bytes), 'x');
const server = new Server();
server.addService(
  { echo: ECHO },
  { echo: (_call: ServerUnaryCall<Buffer, Buffer>, send: sendUnaryData<Buffer>) => send(null, answer) },
);
const pair = { cert_chain: readFileSync(certFile), private_key: readFileSync(keyFile) };
server.bindAsync(address, ServerCredentials.createSsl(null, [pair]), (error, port) => {
  if (error !== null) throw error;
  process.stdout.write(`${address.replace(/:0$/, `:${port}`)}\n`);
});
