import { AgentError } from '../core/agent-error.ts';
import { readGuardedFile } from './read-guarded-file.ts';

/** Where Linux distributions keep the roots that they trust: as Istio looks for them, and Go (crypto/x509, root_linux.go). */
export const SYSTEM_ROOT_FILES: readonly string[] = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/**
 * Reads the first of the files that is there. The names are ours, so they may lead anywhere.
 *
 * @throws AgentError `secret-gone` where there is none, `secret-unusable` where it cannot be read
 */
export async function readSystemRoots(files: readonly string[]): Promise<Buffer> {
  for (const file of files) {
    try {
      return await readGuardedFile(file, ['/']);
    } catch (thrown) {
      if (!(thrown instanceof AgentError) || thrown.code !== 'secret-gone') throw thrown;
    }
  }
  throw new AgentError(
    'secret-gone',
    `none of ${files.join(', ')} is there: install the ca-certificates of the system`,
  );
}
