import { readFileSync } from 'node:fs';
import { CitadelCa } from './citadel-ca.ts';

/** A fake CA as a process: `citadel-ca-main.js ADDRESS CERT_FILE KEY_FILE`. Says where it listens, then serves. */
const [address = '', certFile = '', keyFile = ''] = process.argv.slice(2);
const tls = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
const ca = await CitadelCa.start({ address, tls });
process.stdout.write(`${ca.address}\n`);
// Nobody is left to serve.
process.stdin.resume().once('end', () => process.exit());
