import assert from 'node:assert/strict';
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

import { type TestContext, test } from 'node:test';
import { Redacted } from '../../src/core/redacted.ts';
import { createJwksVerifier } from '../../src/identity/jwks-verifier.ts';
import { createUrlJwksSource } from '../../src/identity/url-jwks-source.ts';
import { systemClock } from '../../src/runtime/system-clock.ts';
import { FakeClock, minutes, seconds } from '../fakes/fake-clock.ts';
import { RecordingLog } from '../fakes/recording-log.ts';
import { createLoopbackCertificate } from './loopback-certificate.ts';
import { AUDIENCE, goodClaims, ISSUER, keySetOf, TokenForge } from './token-forge.ts';

const { signal } = new AbortController();

async function serve(t: TestContext, answer: RequestListener, tls?: { cert: string; key: string }): Promise<string> {
  const server: Server = tls === undefined ? createHttpServer(answer) : createHttpsServer(tls, answer);
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  t.after(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return `${tls === undefined ? 'http' : 'https'}://localhost:${port}/keys`;
}

/** Reads with the shortest waits between tries. Sockets are real here, and so is the time that they take. */
function readFast(url: string, ca?: string): Promise<string> {
  const source = createUrlJwksSource(url, { clock: systemClock, random: () => 0, ...(ca !== undefined && { ca }) });
  return source.read(signal);
}

test('a key set is read over https, from a server that the roots vouch for', async (t) => {
  const tls = await createLoopbackCertificate();
  const url = await serve(t, (_, response) => response.end('{"keys":[]}'), tls);
  assert.equal(await readFast(url, tls.cert), '{"keys":[]}');
});

test('a server that nobody vouches for is not believed', async (t) => {
  const url = await serve(t, (_, response) => response.end('{"keys":[]}'), await createLoopbackCertificate());
  await assert.rejects(readFast(url), { code: 'token-verifier-unavailable' });
});

test('a server that fails twice is asked a third time', async (t) => {
  let requests = 0;
  const url = await serve(t, (_, response) => {
    requests++;
    response.statusCode = requests < 3 ? 503 : 200;
    response.end('{"keys":[]}');
  });
  assert.equal(await readFast(url), '{"keys":[]}');
  assert.equal(requests, 3);
});

for (const [what, answer, message] of [
  ['an error', (_, response) => response.writeHead(500).end(), /status 500/],
  ['a redirect', (_, response) => response.writeHead(302, { location: 'http://localhost/' }).end(), /status 302/],
  ['more than any key set', (_, response) => response.end(Buffer.alloc(1024 * 1024 + 1)), /more than 1048576 bytes/],
  [
    'half an answer',
    (_, response) => response.writeHead(200, { 'content-length': '9' }).write('{', () => response.destroy()),
    /cannot be reached/,
  ],
] as const satisfies readonly (readonly [string, RequestListener, RegExp])[]) {
  test(`${what} is not taken for a key set, after three tries`, async (t) => {
    let requests = 0;
    const url = await serve(t, (request, response) => {
      requests++;
      answer(request, response);
    });
    await assert.rejects(readFast(url), { code: 'token-verifier-unavailable', message });
    assert.equal(requests, 3);
  });
}

test('a server that is not there makes the verifier unavailable', async () => {
  await assert.rejects(readFast('http://localhost:1/keys'), { code: 'token-verifier-unavailable' });
});

test('a server that accepts and says nothing is given up after three seconds a try', async (t) => {
  const { promise: asked, resolve: ask } = latch();
  const url = await serve(t, ask);
  const clock = new FakeClock();
  const reading = createUrlJwksSource(url, { clock }).read(signal);
  const rejected = assert.rejects(reading, { message: /no answer within 3000 ms/ });
  await asked;
  await clock.advance(seconds(15));
  await rejected;
  assert.equal(clock.sleeping, 0);
});

test('the end of the agent ends a read that is under way', async (t) => {
  const { promise: asked, resolve: ask } = latch();
  const url = await serve(t, ask);
  const lifetime = new AbortController();
  const clock = new FakeClock();
  const rejected = assert.rejects(createUrlJwksSource(url, { clock }).read(lifetime.signal));
  await asked;
  lifetime.abort();
  await rejected;
  assert.equal(clock.sleeping, 0);
});

test('an issuer changes its keys behind a URL, goes away and comes back', async (t) => {
  const [old, young] = [new TokenForge('ES256', 'old'), new TokenForge('RS256', 'young')];
  let content: string | undefined = keySetOf(old);
  let requests = 0;
  const url = await serve(t, (_, response) => {
    requests++;
    response.statusCode = content === undefined ? 503 : 200;
    response.end(content);
  });
  const clock = new FakeClock();
  const verifier = createJwksVerifier({
    jwks: { kind: 'url', url },
    expected: { trustDomain: 'cluster.local', audiences: [AUDIENCE], issuer: ISSUER },
    clock,
    log: new RecordingLog(),
    lifetime: signal,
  });
  const verify = (forge: TokenForge) => verifier.verify(new Redacted(forge.sign(goodClaims(clock.now()))), signal);
  await verify(old);
  content = undefined;
  await verify(old);
  assert.equal(requests, 1, 'known keys need no source');
  content = keySetOf(old, young);
  await assert.rejects(verify(young), { code: 'token-rejected' }, 'asked again too soon');
  await clock.advance(minutes(1));
  await verify(young);
  assert.equal(requests, 2);
});

function latch(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
