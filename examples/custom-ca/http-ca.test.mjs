import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { Redacted } from 'sds-node-agent';
import { describeCaProvider, systemClock } from 'sds-node-agent/testing';
import createHttpCa from './http-ca.mjs';
import createOpensslCa from './openssl-ca.mjs';

const directory = mkdtempSync(join(tmpdir(), 'http-ca-'));
execFileSync(join(import.meta.dirname, 'make-root.sh'), [directory], { stdio: 'pipe' });
const ca = createOpensslCa({ CA_ADDR: directory });
const { signal } = new AbortController();

/** The CA: the other example behind HTTP. It takes tokens that begin with `good`. */
const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://ca');
  try {
    const answer = pathname === '/roots' ? await ca.roots(signal) : await sign(request, searchParams);
    response.end(answer.map(toPem).join(''));
  } catch (error) {
    response.writeHead(error === BAD_TOKEN ? 401 : 400).end();
  }
});
const BAD_TOKEN = new Error('bad token');

async function sign(request, query) {
  if (!request.headers.authorization.startsWith('Bearer good')) throw BAD_TOKEN;
  const csr = Buffer.concat(await request.toArray());
  return await ca.sign({ id: query.get('id'), csr, ttlMs: query.get('seconds') * 1000 }, signal);
}

const toPem = (der) => `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`;

before(() => new Promise((resolve) => server.listen(0, '127.0.0.1', resolve)));
after(() => {
  server.close();
  server.closeAllConnections();
  rmSync(directory, { recursive: true });
});

describeCaProvider(
  'The example with HTTP',
  async () => ({
    provider: createHttpCa({ CA_ADDR: `http://127.0.0.1:${server.address().port}` }),
    clock: systemClock,
    tokenFor: async () => new Redacted('good-token-of-a-workload'),
    badTokens: async () => ({
      wrong: new Redacted('wrong-token-of-nobody'),
      expired: new Redacted('old-token-of-nobody'),
    }),
  }),
  { badTokens: true },
);
