#!/bin/sh
# Who may have what signed: the caller's own SPIFFE ID and no other. AUTH is where workloads log in: jwt or kubernetes.
set -eu

accessor=$(bao read -field=accessor "sys/auth/$AUTH")
metadata="identity.entity.aliases.$accessor.metadata"
bao write istio_ca/roles/workload - <<JSON
{
  "allowed_uri_sans_template": true,
  "allowed_uri_sans": [
    "spiffe://cluster.local/ns/{{$metadata.service_account_namespace}}/sa/{{$metadata.service_account_name}}"
  ],
  "allow_localhost": false,
  "allow_ip_sans": false,
  "require_cn": false,
  "use_csr_common_name": false,
  "key_type": "any",
  "key_usage": ["DigitalSignature", "KeyEncipherment"],
  "max_ttl": "48h",
  "no_store": true
}
JSON
bao policy write sign-workload - <<'HCL'
path "istio_ca/sign/workload" {
  capabilities = ["update"]
}
HCL
