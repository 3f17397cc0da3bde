import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { describeCaProvider, systemClock } from 'sds-node-agent/testing';
import createOpensslCa from './openssl-ca.mjs';

const directory = mkdtempSync(join(tmpdir(), 'openssl-root-'));
after(() => rmSync(directory, { recursive: true }));
execFileSync(join(import.meta.dirname, 'make-root.sh'), [directory], { stdio: 'pipe' });

describeCaProvider('The example with openssl', async () => {
  return { provider: createOpensslCa({ CA_ADDR: directory }), clock: systemClock };
});
