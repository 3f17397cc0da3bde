import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import type { VaultOperation } from '../../src/ca-providers/vault/refusals.ts';
import { AgentError, type ErrorCode } from '../../src/core/agent-error.ts';
import { toPem } from '../../src/keys/pem.ts';
import type { CannedAnswer } from '../fakes/vault-server.ts';
import { never, VaultWorld } from './vault-world.ts';

type Row = readonly [VaultOperation, CannedAnswer, ErrorCode, RegExp];

/** As OpenBao 2.7 and Vault say it. */
const ANSWERS: readonly Row[] = [
  ['login', says(503, 'Vault is sealed'), 'ca-unavailable', /is sealed \("Vault is sealed"\): unseal/],
  ['sign', says(503, 'Vault is sealed'), 'ca-unavailable', /is sealed/],
  ['chain', says(503, 'Vault is sealed'), 'ca-unavailable', /is sealed/],
  ['login', says(429, 'request path "auth/jwt/login": rate limit quota exceeded'), 'ca-overloaded', /CA_MAX_INFLIGHT/],
  ['sign', { status: 429, body: 'slow down' }, 'ca-overloaded', /rate limit quotas/],
  [
    'sign',
    says(500, 'local node not active but active cluster node not found'),
    'ca-unavailable',
    /standby .*VAULT_ADDR/,
  ],
  ['sign', says(473), 'ca-unavailable', /standby.*VAULT_ADDR/],
  ['login', says(404, 'namespace not found'), 'ca-request-refused', /VAULT_NAMESPACE/],
  ['chain', says(404, 'namespace not found'), 'ca-request-refused', /VAULT_NAMESPACE/],
  ['login', says(400, 'role "workload" could not be found'), 'ca-permission-denied', /"workload.*VAULT_ROLE/],
  ['login', says(400, `role "${'r'.repeat(90)}" could not be found`), 'ca-permission-denied', /rrr….*VAULT_ROLE/],
  ['login', says(400, 'invalid role name "workload"'), 'ca-permission-denied', /VAULT_ROLE/],
  ['login', says(403, 'service account name not authorized'), 'ca-permission-denied', /VAULT_ROLE is bound to/],
  ['login', says(403, 'namespace not authorized'), 'ca-permission-denied', /VAULT_ROLE is bound to/],
  [
    'login',
    says(404, 'no handler for route "auth/nope/login". route entry not found.'),
    'ca-request-refused',
    /VAULT_AUTH_PATH/,
  ],
  ['login', says(405, 'unsupported operation'), 'ca-request-refused', /VAULT_AUTH_PATH/],
  ['login', says(400, 'missing client token'), 'ca-request-refused', /VAULT_AUTH_PATH/],
  ['login', says(403, 'permission denied'), 'ca-token-rejected', /VAULT_ROLE.*VAULT_AUTH_PATH/],
  [
    'login',
    says(400, 'error validating token: invalid audience (aud) claim'),
    'ca-token-rejected',
    /audience and issuer/,
  ],
  [
    'sign',
    says(403, '1 error occurred:\n\t* permission denied\n\n'),
    'ca-permission-denied',
    /"1 error occurred: \* permission denied".*VAULT_SIGN_CSR_PATH/,
  ],
  [
    'sign',
    says(404, 'no handler for route "nope/sign/x". route entry not found.'),
    'ca-request-refused',
    /VAULT_SIGN_CSR_PATH/,
  ],
  ['sign', says(400, 'unknown role: nope'), 'ca-request-refused', /end of VAULT_SIGN_CSR_PATH/],
  [
    'sign',
    says(400, 'URI Subject Alternative Names were provided via CSR which are not valid for this role'),
    'ca-request-refused',
    /allowed_uri_sans.*SECRET_TTL/,
  ],
  ['chain', says(403, 'permission denied'), 'ca-request-refused', /mount in VAULT_SIGN_CSR_PATH/],
  ['chain', says(404), 'ca-request-refused', /mount in VAULT_SIGN_CSR_PATH/],
  [
    'sign',
    says(500, '1 error occurred:\n\t* could not fetch the CA certificate'),
    'ca-unavailable',
    /status 500 \("1 error/,
  ],
  ['sign', { status: 502, body: '<html>Bad Gateway</html>' }, 'ca-unavailable', /status 502: look/],
  [
    'login',
    { status: 400, body: 'Client sent an HTTP request to an HTTPS server.\n' },
    'ca-answer-invalid',
    /VAULT_ADDR/,
  ],
  ['sign', { status: 403, body: '<html>Forbidden by our firewall</html>' }, 'ca-answer-invalid', /VAULT_ADDR/],
  ['sign', { status: 204 }, 'ca-answer-invalid', /status 204/],
  ['sign', { status: 200, body: { data: {} } }, 'ca-answer-invalid', /without a certificate/],
  ['sign', { status: 200, body: { data: { certificate: 'MIIB' } } }, 'ca-answer-invalid', /not PEM/],
  ['sign', { status: 200, body: { data: { certificate: 7 } } }, 'ca-answer-invalid', /no text/],
  ['chain', { status: 200, body: '<html>' }, 'ca-answer-invalid', /not PEM/],
  [
    'login',
    { status: 307, headers: { location: 'https://other:8200/v1/x' } },
    'ca-unavailable',
    /"other:8200".*not followed.*VAULT_ADDR/,
  ],
  ['chain', { status: 301 }, 'ca-unavailable', /redirects elsewhere/],
];

for (const [operation, answer, code, message] of ANSWERS) {
  test(`${operation} answered with ${answer.status} ${inspect(answer.body)} is ${code}`, async (t) => {
    const world = await VaultWorld.start(t);
    world.server.answer = (request) => (request.operation === operation ? answer : undefined);
    const request = await world.request();
    const call = operation === 'chain' ? world.provider.roots(never()) : world.provider.sign(request, never());
    await assert.rejects(call, { code, message });
    assert.equal(world.server.count(operation), 1);
  });
}

for (const [header, retryAfterMs] of [
  ['7', 7_000],
  ['0', undefined],
  ['999999', 3_600_000],
  ['soon', undefined],
  ['-1', undefined],
] as const) {
  test(`Retry-After: ${header} is told to whoever retries as ${retryAfterMs}`, async (t) => {
    const world = await VaultWorld.start(t);
    world.server.answer = () => ({ ...says(429), headers: { 'retry-after': header } });
    await assert.rejects(world.issue(), { code: 'ca-overloaded', retryAfterMs });
  });
}

test('reasons are quoted without what they repeat of the token or of the request', async (t) => {
  const world = await VaultWorld.start(t);
  const request = await world.request();
  const token = request.token.reveal();
  const pem = toPem('CERTIFICATE REQUEST', request.csr);
  for (const [operation, reason, shown] of [
    ['login', 'a line\n\u001b[31mand \u202eanother', String.raw`"a line \u001b[31mand \u202eanother"`],
    ['login', `bad token ${token}`, '"bad token [redacted]"'],
    ['login', `bad token ${token.slice(-20)}`, '"bad token [redacted]"'],
    ['login', `bad token ${Buffer.from(token).toString('base64')}`, '"bad token [redacted]"'],
    ['sign', `cannot parse ${pem.slice(60, 90)}`, '"cannot parse [redacted]"'],
    // Of the login, and not of this request.
    ['sign', `is ${token} the owner`, '"is [redacted] the owner"'],
    ['sign', 'spiffe://cluster.local/ns/shop/sa/web', '"spiffe://cluster.local/ns/shop/sa/web"'],
  ] as const) {
    world.server.answer = (asked) => (asked.operation === operation ? says(400, reason) : undefined);
    const error = await world.provider.sign(request, never()).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof AgentError);
    assert.ok(error.message.includes(`(${shown})`), error.message);
  }
});

test('a redirect to a host that is a piece of the token is told without the host', async (t) => {
  const world = await VaultWorld.start(t);
  const request = await world.request();
  const piece = request.token
    .reveal()
    .replace(/[^a-z0-9]/gi, '')
    .slice(0, 40);
  for (const [host, shown] of [
    ['active.vault.example:8200', /redirects to "active\.vault\.example:8200",/],
    [`${piece}.example`, /redirects elsewhere,/],
  ] as const) {
    world.server.answer = () => ({ status: 307, body: {}, headers: { location: `https://${host}/v1/` } });
    await assert.rejects(world.provider.sign(request, never()), { code: 'ca-unavailable', message: shown });
  }
});

function says(status: number, ...errors: readonly string[]): CannedAnswer {
  return { status, body: { errors } };
}
