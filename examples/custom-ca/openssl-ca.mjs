import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { AgentError, parsePem } from 'sds-node-agent';

const run = promisify(execFile);

/**
 * A CA module: signs with the key in the directory that CA_ADDR names (`root.pem`, `root.key`).
 *
 * @type {import('sds-node-agent').CustomCaFactory}
 */
export default function createOpensslCa({ CA_ADDR }) {
  if (!CA_ADDR) throw new Error('set CA_ADDR to the directory of root.pem and root.key');
  const rootFile = resolve(CA_ADDR, 'root.pem');
  const keyFile = resolve(CA_ADDR, 'root.key');
  return {
    name: 'Openssl',

    async sign({ id, csr, ttlMs }, signal) {
      // Each request in a directory of its own: `openssl ca` keeps a database, and requests run at the same time.
      const directory = await mkdtemp(join(tmpdir(), 'openssl-ca-'));
      try {
        await writeFile(join(directory, 'csr.der'), csr);
        await writeFile(join(directory, 'index.txt'), '');
        await writeFile(join(directory, 'ca.cnf'), configuration(id));
        const files = ['-config', 'ca.cnf', '-cert', rootFile, '-keyfile', keyFile, '-inform', 'DER', '-in', 'csr.der'];
        const validity = ['-startdate', asn1Time(Date.now() - 30_000), '-enddate', asn1Time(Date.now() + ttlMs)];
        const options = { cwd: directory, signal };
        const { stdout } = await run('openssl', ['ca', '-batch', '-notext', ...files, ...validity], options);
        return parsePem(stdout, 'CERTIFICATE');
      } catch (error) {
        throw toAgentError(error);
      } finally {
        await rm(directory, { recursive: true });
      }
    },

    async roots(signal) {
      try {
        return parsePem(await readFile(rootFile, { encoding: 'utf8', signal }), 'CERTIFICATE');
      } catch (error) {
        throw toAgentError(error);
      }
    },
  };
}

/** Names come from `id`, which the agent has verified, and never from the request: hence `copy_extensions = none`. */
const configuration = (id) => `
[ca]
default_ca = this
[this]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = none
x509_extensions = leaf
[any]
[leaf]
subjectAltName = critical, URI:${id}
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
`;

/** YYYYMMDDHHMMSSZ */
const asn1Time = (ms) => `${new Date(ms).toISOString().replace(/\D/g, '').slice(0, 14)}Z`;

function toAgentError(error) {
  const details = { cause: error };
  if (error instanceof AgentError) return error;
  if (error.name === 'AbortError') return new AgentError('ca-timeout', 'the request to openssl was given up', details);
  if (error.code === 'ENOENT')
    return new AgentError('ca-unavailable', 'openssl or the root of CA_ADDR is gone', details);
  return new AgentError('ca-request-refused', 'openssl ca refuses the request: its words are in the log', details);
}
