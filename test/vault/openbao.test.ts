import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { eventually } from '../../demo/processes/eventually.ts';
import type { CaProviderSettings } from '../../src/ca-providers/provider-settings.ts';
import type { KeySpec } from '../../src/core/key-spec.ts';
import { serviceAccountId } from '../../src/core/spiffe-id.ts';
import { systemClock } from '../../src/runtime/system-clock.ts';
import { describeCaProvider } from '../contracts/ca-provider.ts';
import { hours } from '../fakes/fake-clock.ts';
import { Cluster } from './harness/cluster.ts';
import { issue } from './harness/issue.ts';
import { WITHOUT_OPENBAO } from './harness/openbao-binary.ts';
import { TokenIssuer } from './harness/token-issuer.ts';

const WEB = serviceAccountId('cluster.local', 'shop', 'web');
const ADMIN = serviceAccountId('cluster.local', 'kube-system', 'admin');

describe('with a real OpenBao, jwt login and a root mount', { skip: WITHOUT_OPENBAO, timeout: 180_000 }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await Cluster.start('root-ca', 'jwt');
  });
  after(() => cluster?.[Symbol.asyncDispose]());

  it('a workload gets a certificate of its own', async () => {
    const { chain, roots } = await issue(cluster.provider(), WEB, await cluster.tokens.token(WEB));
    assert.equal(chain.length, 1);
    assert.equal(roots.length, 1);
  });

  it('a workload cannot get a certificate of another one', async () => {
    const error = /role in VAULT_SIGN_CSR_PATH/;
    for (const other of [ADMIN, serviceAccountId('cluster.local', 'shop', 'webb')]) {
      const call = issue(cluster.provider(), other, await cluster.tokens.token(WEB));
      await assert.rejects(call, { code: 'ca-request-refused', message: error });
    }
  });

  it('forty workloads that sign at the same time, twice each, get their own', async () => {
    const provider = cluster.provider();
    const ids = Array.from({ length: 40 }, (_, index) => serviceAccountId('cluster.local', 'shop', `web-${index}`));
    const callers = await Promise.all(ids.map(async (id) => ({ id, token: await cluster.tokens.token(id) })));
    // The role allows the name of the login's own alias alone: one wrong pairing is refused.
    await Promise.all([...callers, ...callers].map(({ id, token }) => issue(provider, id, token)));
  });

  it('a login that was revoked is replaced', async () => {
    // Batch tokens, as in the example, cannot be revoked.
    await cluster.bao.api('PUT', 'auth/jwt/role/service', {
      ...{ role_type: 'jwt', user_claim: 'sub', bound_audiences: ['istio-ca'], token_policies: ['sign-workload'] },
      claim_mappings: {
        '/kubernetes.io/namespace': 'service_account_namespace',
        '/kubernetes.io/serviceaccount/name': 'service_account_name',
      },
    });
    const provider = cluster.provider({ role: 'service' });
    const token = await cluster.tokens.token(WEB);
    await issue(provider, WEB, token);
    await cluster.bao.api('PUT', 'sys/leases/revoke-prefix/auth/jwt/login');
    await issue(provider, WEB, token);
  });

  const mistakes: Readonly<Record<string, readonly [Partial<CaProviderSettings['vault']>, string, RegExp]>> = {
    'a role that is not there': [
      { role: 'nobody' },
      'ca-permission-denied',
      /"role \\"nobody\\" could not be found".*VAULT_ROLE/,
    ],
    'an auth method that is not there': [{ authPath: 'auth/nope/login' }, 'ca-token-rejected', /VAULT_AUTH_PATH/],
    'a login path that is none': [{ authPath: 'auth/jwt/role/workload' }, 'ca-token-rejected', /VAULT_AUTH_PATH/],
    'a path that no policy allows': [
      { signCsrPath: 'istio_ca/sign/other' },
      'ca-permission-denied',
      /VAULT_SIGN_CSR_PATH/,
    ],
    'a namespace that is not there': [{ namespace: 'nope' }, 'ca-request-refused', /VAULT_NAMESPACE/],
    'no root for TLS': [{ tlsRootCert: undefined }, 'ca-unavailable', /VAULT_TLS_ROOT_CERT/],
  };
  for (const [what, [settings, code, message]] of Object.entries(mistakes)) {
    it(`${what} is ${code} and says where to look`, async () => {
      const call = issue(cluster.provider(settings), WEB, await cluster.tokens.token(WEB));
      await assert.rejects(call, { code, message });
    });
  }

  it('a mount that is not there is named when the roots are read', async () => {
    const provider = cluster.provider({ signCsrPath: 'nope/sign/workload' });
    await assert.rejects(provider.roots(new AbortController().signal), { message: /mount in VAULT_SIGN_CSR_PATH/ });
  });

  it('a token for another audience is ca-token-rejected', async () => {
    const token = await cluster.tokens.token(WEB, { audience: 'elsewhere' });
    await assert.rejects(issue(cluster.provider(), WEB, token), { code: 'ca-token-rejected', message: /audience/ });
  });

  it('a key that the role does not allow is ca-request-refused', async () => {
    const token = await cluster.tokens.token(WEB);
    const weak: KeySpec = { algorithm: 'rsa', bits: 1024 };
    await assert.rejects(issue(cluster.provider(), WEB, token, weak), { code: 'ca-request-refused', message: /2048/ });
  });

  it('a rate limit is ca-overloaded', async () => {
    await cluster.bao.api('PUT', 'sys/quotas/rate-limit/ca', { rate: 1, path: 'istio_ca/' });
    const provider = cluster.provider();
    const token = await cluster.tokens.token(WEB);
    const calls = Array.from({ length: 5 }, () => issue(provider, WEB, token));
    await assert.rejects(Promise.all(calls), { code: 'ca-overloaded', message: /rate limit/ });
    await Promise.allSettled(calls);
    await cluster.bao.api('DELETE', 'sys/quotas/rate-limit/ca');
  });

  it('sealed, it is ca-unavailable and says so; unsealed, it signs again', async () => {
    const provider = cluster.provider();
    const token = await cluster.tokens.token(WEB);
    await issue(provider, WEB, token);
    await cluster.bao.seal();
    await assert.rejects(issue(provider, WEB, token), { code: 'ca-unavailable', message: /sealed.*unseal/ });
    const roots = provider.roots(new AbortController().signal);
    await assert.rejects(roots, { code: 'ca-unavailable', message: /sealed/ });
    await cluster.bao.unseal();
    await issue(provider, WEB, token);
  });

  it('killed in the middle of fifty requests, it answers again once it is back, with the same roots', async () => {
    const provider = cluster.provider();
    const token = await cluster.tokens.token(WEB);
    const { roots } = await issue(provider, WEB, token);
    const calls = Promise.allSettled(Array.from({ length: 50 }, () => issue(provider, WEB, token)));
    await cluster.bao.kill();
    for (const call of await calls) {
      if (call.status === 'rejected') assert.equal(call.reason.code, 'ca-unavailable', inspect(call.reason));
    }
    await assert.rejects(issue(provider, WEB, token), { code: 'ca-unavailable', message: /VAULT_ADDR/ });
    await cluster.bao.restart();
    const again = await eventually('it signs again', () => issue(provider, WEB, token));
    assert.deepEqual(again.roots, roots);
  });

  describeCaProvider(
    'VaultProvider with a real OpenBao',
    async () => ({
      provider: cluster.provider(),
      clock: systemClock,
      tokenFor: (id) => cluster.tokens.token(id),
      badTokens: async () => {
        await using stranger = await TokenIssuer.start();
        return {
          wrong: await stranger.token(WEB),
          expired: await cluster.tokens.token(WEB, { ttlMs: -hours(1) }),
        };
      },
      changeRoot: () => cluster.changeRoot(),
      logged: () => inspect(cluster.log.events, { depth: 10 }),
    }),
    { badTokens: true, changeRoot: true },
  );
});
