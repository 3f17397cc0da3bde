#!/bin/sh
# Workloads log in with their service-account tokens, which Vault verifies with the keys of the issuer: JWKS_URL, for a
# cluster <API server>/openid/v1/jwks. ISSUER is the `iss` of the tokens.
set -eu

bao auth enable jwt
bao write auth/jwt/config jwks_url="$JWKS_URL" bound_issuer="$ISSUER"
bao write auth/jwt/role/workload - <<'JSON'
{
  "role_type": "jwt",
  "user_claim": "sub",
  "bound_audiences": ["istio-ca"],
  "claim_mappings": {
    "/kubernetes.io/namespace": "service_account_namespace",
    "/kubernetes.io/serviceaccount/name": "service_account_name"
  },
  "token_type": "batch",
  "token_ttl": "15m",
  "token_policies": ["sign-workload"]
}
JSON
