import type { z } from 'zod';
import { isTrustDomain } from '../core/spiffe-id.ts';
import { parseJwksLocation } from './jwks-location.ts';
import { setting } from './setting.ts';
import type { IdentitySettings, PeerAttestation, VerifierName } from './settings.ts';
import { kindOf, listOf, oneOf, orEmpty, text } from './value-kind.ts';

const trustDomain = kindOf('a SPIFFE trust domain: lower-case letters, digits, `.`, `-`, `_`', (given) =>
  isTrustDomain(given) ? given : undefined,
);

/** The schema of the section "identity". */
export const identityShape = {
  TRUST_DOMAIN: setting(trustDomain, 'cluster.local', 'the trust domain of all identities on this node'),
  IDENTITY_SHARING: setting(
    oneOf('service-account', 'pod'),
    'service-account',
    '`service-account`: pods of one service account on the node share a certificate; `pod`: each pod has its own key',
  ),
  PEER_ATTESTATION: setting(
    orEmpty(oneOf('off', 'warn', 'enforce'), '`warn` in a cluster, else `off`'),
    '',
    "whether the kernel's word on which pod a process is in is compared with the pod that its token is bound to: not at all, telling of differences, or refusing them; needs `hostPID`",
  ),
  WORKLOAD_TOKENS: setting(
    oneOf('projected', 'request'),
    'projected',
    'where workload tokens come from: `projected`: callers bring them; `request`: the agent also serves callers that bring none, by the word of the kernel, and asks the API server for a token of their pod',
  ),
  TOKEN_VERIFIER: setting(
    orEmpty(
      listOf(oneOf('kubernetes', 'jwks', 'embedded')),
      '`kubernetes` in a cluster, else `embedded` where CA_PROVIDER has `Embedded`',
    ),
    '',
    "who verifies callers' tokens: a TokenReview, a JSON Web Key Set, the development issuer; several: one has to accept, but `jwks` behind `kubernetes` is asked only while the API server cannot be reached",
  ),
  TOKEN_AUDIENCES: setting(listOf(text('an audience')), 'istio-ca', 'a token must be made for one of these'),
  TOKEN_JWKS: setting(
    orEmpty(
      kindOf('the path of a file, or a URL: https, or http to a loopback address', parseJwksLocation),
      'the keys of the cluster, from its API server',
    ),
    '',
    'the public keys that verify tokens (`jwks`)',
  ),
  TOKEN_ISSUER: setting(
    orEmpty(text("the issuer's URL"), 'any issuer whose keys are in TOKEN_JWKS'),
    '',
    'the issuer that a token must name (`jwks`)',
  ),
  POLICY_FILE: setting(
    orEmpty(text('the path of a file'), 'everybody whose token is good'),
    '',
    'which identities are served, for how long and with which keys: JSON, taken over whenever it changes; see policy.md',
  ),
};

type Values = z.output<z.ZodObject<typeof identityShape>>;

/**
 * @param verifiers what TOKEN_VERIFIER is, or what `defaultVerifiers` made of its absence
 * @param inCluster whether the agent runs in a pod
 */
export function toIdentitySettings(
  values: Values,
  verifiers: readonly VerifierName[],
  inCluster: boolean,
): IdentitySettings {
  return {
    trustDomain: values.TRUST_DOMAIN,
    sharing: values.IDENTITY_SHARING,
    verifiers,
    audiences: values.TOKEN_AUDIENCES,
    jwks: values.TOKEN_JWKS,
    issuer: values.TOKEN_ISSUER,
    peerAttestation: toPeerAttestation(values, inCluster),
    workloadTokens: values.WORKLOAD_TOKENS,
    policyFile: values.POLICY_FILE,
  };
}

export function toPeerAttestation({ PEER_ATTESTATION }: Values, inCluster: boolean): PeerAttestation {
  return PEER_ATTESTATION ?? (inCluster ? 'warn' : 'off');
}

/** Who verifies when TOKEN_VERIFIER does not say; nobody outside a cluster with a foreign CA. */
export function defaultVerifiers(inCluster: boolean, providers: readonly string[]): readonly VerifierName[] {
  if (inCluster) return ['kubernetes'];
  return providers.includes('Embedded') ? ['embedded'] : [];
}
