import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { serviceAccountId } from '../../src/core/spiffe-id.ts';
import { parseCertificate } from '../../src/keys/certificate.ts';
import { hours } from '../fakes/fake-clock.ts';
import { Cluster } from './harness/cluster.ts';
import { issue } from './harness/issue.ts';
import { WITHOUT_OPENBAO } from './harness/openbao-binary.ts';

const WEB = serviceAccountId('cluster.local', 'shop', 'web');
const ADMIN = serviceAccountId('cluster.local', 'kube-system', 'admin');

describe('with a real OpenBao, kubernetes login and an intermediate mount', {
  skip: WITHOUT_OPENBAO,
  timeout: 120_000,
}, () => {
  const authPath = 'auth/kubernetes/login';
  let cluster: Cluster;
  before(async () => {
    cluster = await Cluster.start('intermediate-ca', 'kubernetes');
  });
  after(() => cluster?.[Symbol.asyncDispose]());

  it('a workload gets leaf and intermediate, and peers are given the root', async () => {
    const { chain, roots } = await issue(cluster.provider({ authPath }), WEB, await cluster.tokens.token(WEB));
    assert.deepEqual(commonNames(chain), ['', 'mesh intermediate']);
    assert.deepEqual(commonNames(roots), ['mesh root']);
  });

  it('a workload cannot get a certificate of another one', async () => {
    const call = issue(cluster.provider({ authPath }), ADMIN, await cluster.tokens.token(WEB));
    await assert.rejects(call, { code: 'ca-request-refused' });
  });

  it('a token that the API server does not know is ca-token-rejected', async () => {
    const token = await cluster.tokens.token(WEB, { ttlMs: -hours(1) });
    await assert.rejects(issue(cluster.provider({ authPath }), WEB, token), { code: 'ca-token-rejected' });
  });

  it('a role that is bound to others is ca-permission-denied', async () => {
    await cluster.bao.api('PUT', 'auth/kubernetes/role/bound', {
      ...{ bound_service_account_names: 'admin', bound_service_account_namespaces: 'kube-system' },
      audience: 'istio-ca',
    });
    const call = issue(cluster.provider({ authPath, role: 'bound' }), WEB, await cluster.tokens.token(WEB));
    await assert.rejects(call, { code: 'ca-permission-denied', message: /VAULT_ROLE is bound to/ });
  });

  it('a role that is not there is ca-permission-denied', async () => {
    const call = issue(cluster.provider({ authPath, role: 'nobody' }), WEB, await cluster.tokens.token(WEB));
    await assert.rejects(call, { code: 'ca-permission-denied', message: /know the role.*VAULT_ROLE/ });
  });

  it('where the mount has no root, peers are given the intermediate, and the root once it has one', async () => {
    const { bao } = cluster;
    const provider = cluster.provider({ authPath });
    const token = await cluster.tokens.token(WEB);
    const root = await cluster.removeRoot();
    const without = await issue(provider, WEB, token);
    assert.deepEqual(commonNames(without.roots), ['mesh intermediate']);
    assert.deepEqual(commonNames(without.chain), ['', 'mesh intermediate']);
    await bao.api('PUT', 'istio_ca/issuers/import/cert', { pem_bundle: root });
    const again = await issue(provider, WEB, token);
    assert.deepEqual(commonNames(again.roots), ['mesh root']);
  });
});

/** The subjects' common names, which are all that their subjects hold. */
function commonNames(ders: readonly Uint8Array[]): string[] {
  return ders.map((der) => {
    const { subjectDer } = parseCertificate(der);
    return /[a-z ]{4,}$/.exec(Buffer.from(subjectDer).toString('latin1'))?.[0] ?? '';
  });
}
