#!/bin/sh
# Workloads log in with their service-account tokens, which Vault shows to the API server: KUBERNETES_HOST, with the
# certificates in the file KUBERNETES_CA. REVIEWER_JWT is the token of a service account with the cluster role
# system:auth-delegator.
set -eu

bao auth enable kubernetes
bao write auth/kubernetes/config \
  kubernetes_host="$KUBERNETES_HOST" kubernetes_ca_cert=@"$KUBERNETES_CA" \
  token_reviewer_jwt="$REVIEWER_JWT" disable_local_ca_jwt=true
bao write auth/kubernetes/role/workload \
  bound_service_account_names='*' bound_service_account_namespaces='*' audience=istio-ca \
  token_type=batch token_ttl=15m token_policies=sign-workload
